import SystemCalls

/// Lets a thread run an `async` plugin call to its end, and another one cancel it.
package final class CallGate: Sendable {
    private let executor = ThreadExecutor()
    private let task = Lock<Task<Void, Never>?>(nil)

    /// Calls the plugin; an error that it throws becomes status 1 with the error's text.
    func call(_ plugin: any ExtensionPlugin, _ request: PluginRequest) -> ExtensionResponse {
        defer { task.withLock { $0 = nil } }
        return executor.run {
            do {
                return try await plugin.call(request)
            } catch {
                return .failure(error.text)
            }
        } began: { task in
            self.task.withLock { $0 = task }
        }
    }

    /// The task of the call under way, to be cancelled; nil where there is none, or where somebody has it already.
    func takeTask() -> Task<Void, Never>? {
        task.withLock { $0.take() }
    }
}
