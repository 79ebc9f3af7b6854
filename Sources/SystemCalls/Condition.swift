import Glibc

/// A value that one thread at a time may touch, and whose changes other threads can wait for (pthread_cond_wait(3)).
///
/// Sendable because the value is only touched with the lock held.
package final class Condition<Value: ~Copyable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

    /// A condition with its first value.
    package init(_ value: consuming sending Value) {
        self.value.initialize(to: value)
        pthread_mutex_init(mutex, nil)
        // Deadlines are told by a clock that nobody sets.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        value.deinitialize(count: 1)
        changed.deallocate()
        mutex.deallocate()
        value.deallocate()
    }

    /// Reads the value, or changes it in a way that nobody waits for: this wakes no one.
    package func withLock<R, E>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value.pointee)
    }

    /// Changes the value, and wakes those who wait for a change.
    package func change<R>(_ body: (inout Value) -> R) -> R {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return body(&value.pointee)
    }

    /// Calls `body` at once and after each change, until it returns something.
    package func wait<R>(until body: (inout Value) -> R?) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value.pointee) { return result }
            pthread_cond_wait(changed, mutex)
        }
    }

    /// Calls `body` at once and after each change, until it returns something; nil when `microseconds` have passed before.
    package func wait<R>(atMost microseconds: Int, until body: (inout Value) -> R?) -> R? {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let nanoseconds = deadline.tv_nsec + microseconds % 1_000_000 * 1000
        deadline.tv_sec += microseconds / 1_000_000 + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value.pointee) { return result }
            if pthread_cond_timedwait(changed, mutex, &deadline) != 0 { return body(&value.pointee) }
        }
    }
}
