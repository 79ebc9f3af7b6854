import Glibc

/// A lock whose holder can wait for another to change what it guards (pthread_cond_wait(3)).
///
/// Sendable because these calls are made for being called from several threads at once.
package final class Condition: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    package func withLock<R, E>(_ body: () throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Lets others in until one of them calls ``notifyAll()``. With the lock held.
    package func wait() {
        pthread_cond_wait(changed, mutex)
    }

    /// Lets others in while `body` runs. With the lock held.
    package func unlocked<R>(_ body: () -> R) -> R {
        pthread_mutex_unlock(mutex)
        defer { pthread_mutex_lock(mutex) }
        return body()
    }

    package func notifyAll() {
        pthread_cond_broadcast(changed)
    }
}
