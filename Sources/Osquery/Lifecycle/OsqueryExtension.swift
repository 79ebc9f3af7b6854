import ArgumentParser
public import Logging

/// An osquery extension: a process of its own whose plugins osqueryd, or osqueryi, calls.
///
/// ```swift
/// try OsqueryExtension(name: "hello", version: "1.0.0", plugins: [HelloLogger()]).run()
/// ```
public struct OsqueryExtension: Sendable {
    /// The name under which osqueryd lists the extension; no two may have the same.
    public let name: String
    /// The extension's own version, which osqueryd lists.
    public let version: String
    /// What the extension registers.
    public let plugins: [any ExtensionPlugin]
    /// Where the extension says what happens to it.
    public let logger: Logger
    /// What it has done so far.
    public let activity: ExtensionActivity
    /// Chooses among the plugins when osqueryd's flags are known, before they are registered; nil registers all.
    package var selectPlugins: (@Sendable (_ options: [String: OptionInfo]) -> [any ExtensionPlugin])?

    /// An extension; ``run(_:)`` registers it.
    public init(
        name: String, version: String, plugins: [any ExtensionPlugin], logger: Logger = Logger(label: "osquery"),
        activity: ExtensionActivity = ExtensionActivity()
    ) {
        self.name = name
        self.version = version
        self.plugins = plugins
        self.logger = logger
        self.activity = activity
    }

    /// ``run(_:)`` with the flags that osqueryd gave this process. Where they are wrong it says so, and ends the process.
    public func run() throws(ExtensionError) {
        let asByOsqueryd = ExtensionOptions(spelledAsByOsqueryd: CommandLine.arguments.dropFirst())
        try run(asByOsqueryd ?? ExtensionOptions.parseOrExit())
    }

    /// Registers the plugins with osqueryd and answers its calls. Call it from `main`: it blocks the calling thread, and takes
    /// SIGTERM and SIGINT over.
    ///
    /// Returning means that the extension has ended as it should: osqueryd sent `shutdown`, a signal or the end of the process
    /// that started us said so, or osqueryd is gone. Calls under way have been answered, and the socket is removed.
    ///
    /// An osqueryd that ends first finishes the query under way, and logs its results. So on `shutdown`, a signal or the end of
    /// the process that started us, the extension goes on serving until the process that registered it has ended, for at most
    /// 10 s; it registers with no other one meanwhile. A second SIGINT ends it at once. Where the process that registered it is
    /// the one that started it, which waits for it (osqueryi, `--disable_watchdog`), it ends after the calls under way.
    ///
    /// While the watcher that started us lives, an osqueryd worker that dies is waited for, and the plugins are registered with
    /// its successor.
    public func run(_ options: ExtensionOptions) throws(ExtensionError) {
        let end: EndWatch
        do {
            end = try EndWatch()
        } catch {
            throw .failed(error)
        }
        defer { end.giveSignalsBack() }
        var lifecycle = ExtensionLifecycle(self, options, end)
        try lifecycle.run()
    }
}
