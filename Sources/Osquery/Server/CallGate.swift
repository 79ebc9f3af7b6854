import Glibc
import Synchronization
import SystemCalls

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
