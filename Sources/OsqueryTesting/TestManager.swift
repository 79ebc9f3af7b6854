import Glibc
import Logging
public import Osquery
import SystemCalls

/// A stand-in for osqueryd: it takes registrations at a real socket, and calls plugins as osqueryd does.
///
/// ```swift
/// let manager = try TestManager()
/// defer { manager.stop() }
/// try await manager.register([Planets()])
/// let rows = try await manager.generate("planets")
/// ```
///
/// It speaks the protocol as this package reads it: a test that uses nothing else shows that your plugin agrees with us, and not
/// that we agree with osquery.
public final class TestManager: Sendable {
    /// Answers a query's SQL. An error that it throws reaches the caller as status 1 with the error's text.
    public typealias QueryAnswer = @Sendable (String) throws -> ExtensionResponse

    /// What an extension's `--socket` is to be.
    public let socketPath: String
    private let directory: String
    private let processor: ManagerProcessor
    private let server: ExtensionServer
    private let served = Lock<[ExtensionServer]>([])

    /// Starts to listen at a socket in a new directory in `/tmp`.
    ///
    /// - Parameters:
    ///   - options: osqueryd's flags, by their names.
    ///   - query: Answers queries; by default none has rows.
    public convenience init(
        options: [String: OptionInfo] = [:],
        query: @escaping QueryAnswer = { _ in ExtensionResponse() }
    ) throws(TestManagerError) {
        var name = Array("/tmp/osquery-testing-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw .notStarted(SystemError("make a directory in", "/tmp"), at: "/tmp") }
        let directory = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try self.init(socketPath: "\(directory)/osquery.em", directory: directory, options: options, query: query)
    }

    /// Starts to listen at `socketPath`.
    public convenience init(
        socketPath: String, options: [String: OptionInfo] = [:],
        query: @escaping QueryAnswer = { _ in ExtensionResponse() }
    ) throws(TestManagerError) {
        try self.init(socketPath: socketPath, directory: "", options: options, query: query)
    }

    private init(
        socketPath: String, directory: String, options: [String: OptionInfo],
        query: @escaping QueryAnswer
    ) throws(TestManagerError) {
        self.socketPath = socketPath
        self.directory = directory
        processor = ManagerProcessor(options: options, query: query)
        do {
            server = try ExtensionServer(
                socketPath: socketPath, processor: processor, activity: ExtensionActivity(),
                logger: Logger(label: "osquery-testing"), onShutdown: {})
            try server.start()
        } catch {
            if !directory.isEmpty { rmdir(directory) }
            throw .notStarted(error, at: socketPath)
        }
    }

    /// Ends all that was started, and removes the sockets.
    public func stop() {
        server.stop(within: .seconds(1))
        for extensionServer in served.withLock({ $0 }) { extensionServer.stop(within: .seconds(1)) }
        if !directory.isEmpty { rmdir(directory) }
    }

    /// The extensions that have registered.
    public var extensions: [Int64: ExtensionInfo] {
        processor.state.withLock { $0.extensions }
    }

    /// osqueryd's flags, by their names without dashes, as `ExtensionManagerClient.options()` returns them.
    public var options: [String: OptionInfo] {
        get { processor.state.withLock { $0.options } }
        set { processor.state.withLock { $0.options = newValue } }
    }

    /// Answers the queries that follow.
    public func answerQueries(_ query: @escaping QueryAnswer) {
        processor.state.withLock { $0.query = query }
    }

    /// A client of this stand-in, for code that asks osqueryd.
    public var client: ExtensionManagerClient { ExtensionManagerClient(socketPath: socketPath) }

    /// The route info that a plugin has registered: a table's columns, aliases and attributes.
    ///
    /// - Returns: Nil where no extension has registered such a plugin.
    public func routes(of plugin: String, in registry: PluginRegistry = .table) -> [ExtensionResponse.Row]? {
        processor.state.withLock { state in
            state.registries.values.lazy.compactMap { $0[registry.rawValue, plugin] }.first
        }
    }

    /// The number of the extension that has a plugin.
    private func owner(of plugin: String, in registry: PluginRegistry) -> Int64? {
        processor.state.withLock { state in
            state.registries.first { $0.value[registry.rawValue, plugin] != nil }?.key
        }
    }

    /// Waits until an extension has registered and can be called.
    ///
    /// - Returns: Its number; nil when there is none in time.
    public func waitForRegistration(timeout: Duration = .seconds(10)) async throws -> Int64? {
        let end = ContinuousClock.now + timeout
        while ContinuousClock.now < end {
            if let uuid = extensions.keys.max(), access("\(socketPath).\(uuid)", F_OK) == 0 { return uuid }
            try await Task.sleep(for: .milliseconds(2))
        }
        return nil
    }

    /// Registers plugins over the socket and serves them in this process, without the life cycle of an extension.
    ///
    /// - Parameters:
    ///   - plugins: What to register.
    ///   - name: The extension's name; by default one that no other has.
    /// - Returns: The extension's number.
    /// - Throws: `PluginError` where an extension with these plugins would refuse to start, `ManagerError` where osqueryd would refuse
    ///   them, and ``TestManagerError`` where they cannot be served.
    @discardableResult
    public func register(_ plugins: [any ExtensionPlugin], as name: String? = nil) async throws -> Int64 {
        try plugins.checkNames()
        let name = name ?? (extensions.isEmpty ? "test" : "test\(extensions.count + 1)")
        let info = ExtensionInfo(name: name, version: "1.0.0")
        let client = ExtensionManagerClient(socketPath: socketPath)
        let uuid = try await client.registerExtension(info, plugins: plugins)
        do {
            let extensionServer = try ExtensionServer(
                socketPath: "\(socketPath).\(uuid)", processor: ExtensionProcessor(uuid: uuid, plugins: plugins),
                activity: ExtensionActivity(), logger: Logger(label: name), onShutdown: {})
            try await extensionServer.startUnblocked()
            served.withLock { $0.append(extensionServer) }
        } catch {
            throw TestManagerError.notStarted(error, at: "\(socketPath).\(uuid)")
        }
        return uuid
    }

    // MARK: - Calls

    /// Calls a plugin as osqueryd does: a connection for a ping, another for the call.
    ///
    /// The extension called is the one that has registered the plugin, or else the one that registered last.
    ///
    /// - Returns: What the plugin answers, whatever its status.
    public func call(
        _ registry: PluginRegistry, _ plugin: String, _ request: [String: String]
    ) async throws -> ExtensionResponse {
        guard let newest = try await waitForRegistration() else { throw TestManagerError.noExtension }
        let uuid = owner(of: plugin, in: registry) ?? newest
        let path = "\(socketPath).\(uuid)"
        try await ExtensionManagerClient(socketPath: path).ping()
        let client = ExtensionManagerClient(socketPath: path, timeout: .seconds(300))
        return try await client.call(registry: registry, plugin: plugin, request: request)
    }

    /// Calls a plugin, and throws where its status is not 0.
    func succeed(
        _ registry: PluginRegistry, _ plugin: String, _ request: [String: String]
    ) async throws -> ExtensionResponse {
        let response = try await call(registry, plugin, request)
        guard response.status.code == 0 else {
            throw TestManagerError(
                .failed,
                "The \(registry.rawValue) plugin “\(plugin)” answered with status \(response.status.code): "
                    + response.status.message,
                status: response.status)
        }
        return response
    }
}
