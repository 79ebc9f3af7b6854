/// What an extension registers with osqueryd under a name.
///
/// One kind of plugin is refined from this protocol for each of osquery's registries, like ``LoggerPlugin``; conform to
/// those rather than to this.
public protocol ExtensionPlugin: Sendable {
    /// The kind of plugin.
    static var registry: PluginRegistry { get }
    /// The name that osqueryd's flags and queries use.
    var name: String { get }
    /// Route info sent at registration: a table's columns; empty for a logger.
    var routes: [ExtensionResponse.Row] { get }

    /// Answers a call of osqueryd. An error thrown is answered as status 1 with the error's text: the `errorDescription` of a
    /// `LocalizedError`, and the description of any other.
    ///
    /// The call runs on a thread of its own, also after an `await` and in child tasks, so it may block without delaying others. See
    /// <doc:LifeCycleAndGuarantees#What-may-block> for what does not run there, such as actors that several calls use. Where the caller hangs up, the call's task is
    /// cancelled.
    func call(_ request: PluginRequest) async throws -> ExtensionResponse

    /// Gives up what the plugin holds: the extension ends, and no further call comes. By default it does nothing.
    ///
    /// A call that has not returned 600 ms after the end began may still run.
    ///
    /// It is called once in each run, for all plugins at once, also when the run throws. The extension waits a second for it.
    func onShutdown() async
}

extension ExtensionPlugin {
    /// None.
    public var routes: [ExtensionResponse.Row] { [] }

    /// Does nothing.
    public func onShutdown() async {}
}
