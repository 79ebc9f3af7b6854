import Glibc
import Logging
public import Osquery
public import SystemCalls

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
    /// What an extension's `--socket` is to be.
    public let socketPath: String
    private let folder: String
    private let processor: ManagerProcessor
    private let server: ExtensionServer
    private let served = Lock<[ExtensionServer]>([])

    /// Starts to listen at a socket in a new folder below `/tmp`.
    ///
    /// - Parameters:
    ///   - options: osqueryd's flags, by their names.
    ///   - query: Answers queries; by default none has rows.
    public convenience init(
        options: [String: OptionInfo] = [:],
        query: @escaping @Sendable (String) -> ExtensionResponse = { _ in ExtensionResponse() }
    ) throws(SystemError) {
        var name = Array("/tmp/osquery-testing-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw SystemError("make a folder in", "/tmp") }
        let folder = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try self.init(socketPath: "\(folder)/osquery.em", folder: folder, options: options, query: query)
    }

    /// Starts to listen at `socketPath`.
    public convenience init(
        socketPath: String, options: [String: OptionInfo] = [:],
        query: @escaping @Sendable (String) -> ExtensionResponse = { _ in ExtensionResponse() }
    ) throws(SystemError) {
        try self.init(socketPath: socketPath, folder: "", options: options, query: query)
    }

    private init(
        socketPath: String, folder: String, options: [String: OptionInfo],
        query: @escaping @Sendable (String) -> ExtensionResponse
    ) throws(SystemError) {
        self.socketPath = socketPath
        self.folder = folder
        processor = ManagerProcessor(options: options, query: query)
        server = try ExtensionServer(
            socketPath: socketPath, processor: processor, activity: ExtensionActivity(),
            logger: Logger(label: "osquery-testing"), onShutdown: {})
        try server.start()
    }

    /// Ends all that was started, and removes the sockets.
    public func stop() {
        server.stop(within: .seconds(1))
        for extensionServer in served.withLock({ $0 }) { extensionServer.stop(within: .seconds(1)) }
        if !folder.isEmpty { rmdir(folder) }
    }

    /// The extensions that have registered.
    public var extensions: [Int64: ExtensionInfo] {
        processor.state.withLock { $0.extensions }
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
    @discardableResult
    public func register(_ plugins: [any ExtensionPlugin], as name: String = "test") async throws -> Int64 {
        let info = ExtensionInfo(name: name, version: "1.0.0")
        let client = ExtensionManagerClient(socketPath: socketPath)
        let uuid = try await client.registerExtension(info, plugins: plugins)
        let extensionServer = try ExtensionServer(
            socketPath: "\(socketPath).\(uuid)", processor: ExtensionProcessor(uuid: uuid, plugins: plugins),
            activity: ExtensionActivity(), logger: Logger(label: name), onShutdown: {})
        try extensionServer.start()
        served.withLock { $0.append(extensionServer) }
        return uuid
    }

    // MARK: - Calls

    /// Calls a plugin of the extension that registered last, as osqueryd does: a connection for a ping, another for the call.
    public func call(
        _ registry: PluginRegistry, _ plugin: String, _ request: [String: String]
    ) async throws -> ExtensionResponse {
        guard let uuid = try await waitForRegistration() else { throw TestManagerError.noExtension }
        let path = "\(socketPath).\(uuid)"
        try await ExtensionManagerClient(socketPath: path).ping()
        let client = ExtensionManagerClient(socketPath: path, timeout: .seconds(300))
        return try await client.onThread { () throws(ManagerError) in
            try client.call(registry.rawValue, plugin, request)
        }
    }

    /// The rows of a table.
    ///
    /// - Parameter keepingRowIDs: Whether each row has its `rowid`, too, which `SELECT *` does not show.
    public func generate(
        _ table: String, _ query: QueryContext = QueryContext(), keepingRowIDs: Bool = false
    ) async throws -> [ExtensionResponse.Row] {
        let rows = try await succeed(.table, table, ["action": "generate", "context": query.json]).rows
        return keepingRowIDs ? rows : rows.map { row in row.filter { $0.key != "rowid" } }
    }

    /// Hands a result to a logger.
    public func logString(_ text: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["string": text, "category": "event"])
    }

    /// Hands a snapshot to a logger.
    public func logSnapshot(_ text: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["snapshot": text])
    }

    /// Hands status lines, a JSON array, to a logger.
    public func logStatus(_ lines: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["status": "true", "log": lines])
    }

    /// The configuration of a config plugin, by the names of its sources.
    public func genConfig(_ plugin: String) async throws -> [String: String] {
        try await succeed(.config, plugin, ["action": "genConfig"]).rows.first ?? [:]
    }

    /// The queries of a distributed plugin, as the JSON text that osqueryd gets.
    public func getQueries(_ plugin: String) async throws -> String {
        try await succeed(.distributed, plugin, ["action": "getQueries"]).rows.first?["results"] ?? ""
    }

    /// Hands results, the JSON text that osqueryd sends, to a distributed plugin.
    public func writeResults(_ results: String, to plugin: String) async throws {
        _ = try await succeed(.distributed, plugin, ["action": "writeResults", "results": results])
    }

    private func succeed(
        _ registry: PluginRegistry, _ plugin: String, _ request: [String: String]
    ) async throws -> ExtensionResponse {
        let response = try await call(registry, plugin, request)
        guard response.status.code == 0 else { throw TestManagerError.failed(response.status) }
        return response
    }
}

/// Why a call of a plugin did not bring what it was to bring.
public enum TestManagerError: Error, Equatable, CustomStringConvertible {
    /// No extension has registered.
    case noExtension
    /// The plugin answered with a status other than 0.
    case failed(ExtensionStatus)

    /// What went wrong, as a sentence.
    public var description: String {
        switch self {
        case .noExtension: "No extension has registered."
        case .failed(let status): "The plugin answered with status \(status.code): \(status.message)"
        }
    }
}
