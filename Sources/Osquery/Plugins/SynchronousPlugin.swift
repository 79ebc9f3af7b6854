/// A plugin that never suspends.
///
/// It is called as it is, without the task that an `async` function needs: that task costs 3,700 instructions per call, a seventh of what a
/// logged line takes altogether. A call of it is not cancelled when its caller hangs up.
///
/// Conform to ``SynchronousLoggerPlugin`` rather than to this.
public protocol SynchronousPlugin: ExtensionPlugin {
    /// Answers a call of osqueryd, in place of ``ExtensionPlugin/call(_:)``. An error thrown is answered as status 1 with the error's
    /// text.
    func answer(_ request: PluginRequest) throws -> ExtensionResponse
}

extension SynchronousPlugin {
    /// The answer of ``answer(_:)``, for those who call the plugin without osqueryd.
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        try answer(request)
    }
}
