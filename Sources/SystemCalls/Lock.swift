import Glibc

/// A value that one thread at a time may touch.
///
/// Made of pthread_mutex_lock(3), which ThreadSanitizer sees. The Mutex of Swift's Synchronization is handed over by the kernel
/// when it is contended (futex(2), FUTEX_LOCK_PI), so that each contended access looks like a race there.
///
/// Sendable because the value is only touched with the lock held.
package final class Lock<Value: ~Copyable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// In memory of its own: of a stored property each access would be recorded at run time, for which the lock leaves no need.
    private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

    package init(_ value: consuming sending Value) {
        self.value.initialize(to: value)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        value.deinitialize(count: 1)
        value.deallocate()
    }

    package func withLock<R: ~Copyable, E>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }
}
