import Glibc

/// A counting semaphore (sem_overview(7)); neither call costs a system call when nobody has to wait.
///
/// Sendable because sem_post and sem_wait are made for being called from several threads at once.
package final class Semaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    package init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    package func signal() {
        sem_post(semaphore)
    }

    package func wait() {
        _ = retryingOnInterrupt { Int(sem_wait(semaphore)) }
    }
}
