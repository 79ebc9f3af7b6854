public import Logging

/// An osquery extension: a process of its own whose plugins osqueryd, or osqueryi, calls.
///
/// ```swift
/// @main
/// struct Main {
///     static func main() {
///         OsqueryExtension(name: "hello", version: "1.0.0", plugins: [HelloLogger()]).main()
///     }
/// }
/// ```
public struct OsqueryExtension: Sendable {
    /// The name under which osqueryd lists the extension; no two may have the same.
    public let name: String
    /// The extension's own version, which osqueryd lists.
    public let version: String
    /// What the extension registers; empty where a closure makes the plugins.
    var plugins: [any ExtensionPlugin]
    /// Where the extension says what happens to it.
    var logger: Logger
    /// What it has done so far.
    public let activity: ExtensionActivity
    /// Chooses among the plugins when osqueryd's flags are known, before they are registered; nil registers all.
    package var selectPlugins: (@Sendable (_ options: [String: OptionInfo]) -> [any ExtensionPlugin])?

    let makePlugins: (@Sendable (ExtensionManagerClient) -> [any ExtensionPlugin])?
    /// What copies of this value share, so that each of them can stop the extension.
    let stopping = ExtensionStop()

    /// Makes an extension, which ``main()`` or ``run(_:)`` registers.
    ///
    /// - Parameters:
    ///   - name: The name under which osqueryd lists the extension; no two extensions of an osqueryd have the same.
    ///   - version: The extension's own version, which osqueryd lists.
    ///   - plugins: What the extension registers.
    ///   - logger: Where the extension says what happens to it. By default one that has the extension's name and logs from the level
    ///     `notice`.
    ///   - activity: Counts what the extension does; pass one to show the counts in a plugin.
    public init(
        name: String, version: String, plugins: [any ExtensionPlugin], logger: Logger? = nil,
        activity: ExtensionActivity = ExtensionActivity()
    ) {
        self.init(name: name, version: version, plugins, makePlugins: nil, logger, activity)
    }

    /// Makes an extension whose plugins ask osqueryd. See <doc:AskOsqueryd>.
    ///
    /// ```swift
    /// OsqueryExtension(name: "accounts", version: "1.0.0") { osquery in [Accounts(osquery)] }.main()
    /// ```
    ///
    /// - Parameters:
    ///   - name: The name under which osqueryd lists the extension; no two extensions of an osqueryd have the same.
    ///   - version: The extension's own version, which osqueryd lists.
    ///   - logger: Where the extension says what happens to it. By default one that has the extension's name and logs from the level
    ///     `notice`.
    ///   - activity: Counts what the extension does; pass one to show the counts in a plugin.
    ///   - plugins: Makes what the extension registers, once in each run, before the registration. Its argument is a client of the
    ///     osqueryd that `--socket` names.
    public init(
        name: String, version: String, logger: Logger? = nil, activity: ExtensionActivity = ExtensionActivity(),
        plugins: @escaping @Sendable (_ osquery: ExtensionManagerClient) -> [any ExtensionPlugin]
    ) {
        self.init(name: name, version: version, [], makePlugins: plugins, logger, activity)
    }

    private init(
        name: String, version: String, _ plugins: [any ExtensionPlugin],
        makePlugins: (@Sendable (ExtensionManagerClient) -> [any ExtensionPlugin])?, _ logger: Logger?,
        _ activity: ExtensionActivity
    ) {
        self.name = name
        self.version = version
        self.plugins = plugins
        self.makePlugins = makePlugins
        self.activity = activity
        self.logger = logger ?? Logger(label: name)
        if logger == nil { self.logger.logLevel = .notice }
    }
}
