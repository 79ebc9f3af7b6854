import Glibc
import Synchronization
import SystemCalls

/// Lets a thread run an `async` plugin call to its end.
///
/// The call begins on the thread itself and, when it never suspends, ends there too: no other thread takes part. One that
/// does suspend is waited for.
package final class CallGate: Sendable {
    private let response = Mutex<ExtensionResponse?>(nil)
    private let task = Lock<RunningTask?>(nil)
    private let isAnswered = Semaphore()

    /// Calls the plugin; an error that it throws becomes status 1 with the error's text.
    func call(_ plugin: any ExtensionPlugin, _ request: PluginRequest) -> ExtensionResponse {
        Task.immediate {
            withUnsafeCurrentTask { task in self.task.withLock { $0 = task.map(RunningTask.init) } }
            let response: ExtensionResponse
            do {
                response = try await plugin.call(request)
            } catch {
                response = .failure("\(error)")
            }
            self.task.withLock { $0 = nil }
            self.response.withLock { $0 = response }
            self.isAnswered.signal()
        }
        isAnswered.wait()
        return response.withLock { response in
            defer { response = nil }
            return response ?? .failure("The plugin has not answered.")
        }
    }

    /// Cancels the call under way: its caller is gone.
    func cancel() {
        task.withLock { $0?.task.cancel() }
    }

    /// Sendable because it is only used with the lock held, which the task takes, too, before it ends.
    private struct RunningTask: @unchecked Sendable {
        let task: UnsafeCurrentTask
    }
}
