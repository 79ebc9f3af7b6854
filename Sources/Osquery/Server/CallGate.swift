import Glibc
import Synchronization

/// Lets a thread run an `async` plugin call to its end.
///
/// The call begins on the thread itself and, when it never suspends, ends there too: no other thread takes part. One that
/// does suspend is waited for.
final class CallGate: Sendable {
    private let response = Mutex<ExtensionResponse?>(nil)
    private let isAnswered = Semaphore()

    /// Calls the plugin; an error that it throws becomes status 1 with the error's text.
    func call(_ plugin: any ExtensionPlugin, _ request: PluginRequest) -> ExtensionResponse {
        Task.immediate {
            let response: ExtensionResponse
            do {
                response = try await plugin.call(request)
            } catch {
                response = .failure("\(error)")
            }
            self.response.withLock { $0 = response }
            self.isAnswered.signal()
        }
        isAnswered.wait()
        return response.withLock { response in
            defer { response = nil }
            return response ?? .failure("The plugin has not answered.")
        }
    }
}

/// A counting semaphore (sem_overview(7)); neither call costs a system call when nobody has to wait.
///
/// Sendable because sem_post and sem_wait are made for being called from several threads at once.
private final class Semaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() {
        sem_post(semaphore)
    }

    func wait() {
        _ = retryingOnInterrupt { Int(sem_wait(semaphore)) }
    }
}
