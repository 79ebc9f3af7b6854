import Logging
import SystemCalls

extension [any ExtensionPlugin] {
    /// How long plugins have for ``ExtensionPlugin/onShutdown()``.
    private static var shutdownLimit: Duration { .seconds(1) }

    /// Calls ``ExtensionPlugin/onShutdown()`` of all plugins at once, each on a thread of its own, and waits until they have returned or the
    /// time is up.
    func shutDown(_ logger: Logger) {
        let waiting = Condition(Set(indices))
        for (index, plugin) in enumerated() {
            let shutDown: @Sendable () async -> Void = {
                await plugin.onShutdown()
                waiting.change { _ = $0.remove(index) }
            }
            do {
                try BlockingThread.start { ThreadExecutor().run(shutDown) }
            } catch {
                Task(operation: shutDown)
            }
        }
        let (seconds, attoseconds) = Self.shutdownLimit.components
        let microseconds = Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
        if waiting.wait(atMost: microseconds, until: { $0.isEmpty ? () : nil }) != nil { return }
        for index in waiting.withLock({ $0 }).sorted() {
            logger.warning("The plugin “\(self[index].name)” has not finished onShutdown() within \(seconds) s.")
        }
    }
}
