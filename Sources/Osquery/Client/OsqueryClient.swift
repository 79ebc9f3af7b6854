/// What can be asked of osqueryd.
///
/// ``ExtensionManagerClient`` asks a running osqueryd. Let a plugin take `any OsqueryClient`, and its tests can answer in
/// osqueryd's place; <doc:Testing> shows how.
public protocol OsqueryClient: Sendable {
    /// Asks whether osqueryd answers.
    func ping() async throws
    /// The extensions that osqueryd knows, by their numbers.
    func extensions() async throws -> [Int64: ExtensionInfo]
    /// osqueryd's flags, by their names without dashes.
    func options() async throws -> [String: OptionInfo]
    /// Runs a query and returns its rows.
    func query(_ sql: String) async throws -> [ExtensionResponse.Row]
    /// The columns that a query would return: one row per column, `{name: type}`.
    func getQueryColumns(_ sql: String) async throws -> [ExtensionResponse.Row]
    /// Calls a plugin, and returns what it answers, whatever its status.
    func call(registry: String, plugin: String, request: [String: String]) async throws -> ExtensionResponse
}

extension OsqueryClient {
    /// Calls a plugin, and returns what it answers, whatever its status.
    public func call(
        registry: PluginRegistry, plugin: String, request: [String: String]
    ) async throws -> ExtensionResponse {
        try await call(registry: registry.rawValue, plugin: plugin, request: request)
    }

    /// Runs a query and decodes each of its rows.
    ///
    /// ```swift
    /// struct Process: Decodable { var pid: Int32; var name: String; var parent: Int32? }
    /// let processes = try await osquery.query("SELECT pid, name, parent FROM processes", as: Process.self)
    /// ```
    ///
    /// A property is the column of its name, or of its name in snake case. An optional property is nil if its column is missing, or
    /// is empty text, as NULL is. Only a `String?` is empty text then.
    ///
    /// - Throws: What ``query(_:)`` throws, or ``RowError`` for a row that is not such a value.
    public func query<Row: Decodable & Sendable>(_ sql: String, as type: Row.Type) async throws -> [Row] {
        try await query(sql).map { try RowDecoder.decode(type, from: $0) }
    }

    /// Runs a query that returns exactly one row.
    ///
    /// ```swift
    /// let version = try await osquery.queryRow("SELECT version FROM osquery_info")["version"]
    /// ```
    ///
    /// - Throws: What ``query(_:)`` throws, or ``RowCountError`` where there is no row, or more than one.
    public func queryRow(_ sql: String) async throws -> ExtensionResponse.Row {
        let rows = try await query(sql)
        guard rows.count == 1 else { throw RowCountError(count: rows.count, sql: sql) }
        return rows[0]
    }

    /// Runs a query that returns exactly one row, and decodes it as ``query(_:as:)`` does.
    ///
    /// - Throws: What ``queryRow(_:)`` throws, or ``RowError`` for a row that is not such a value.
    public func queryRow<Row: Decodable & Sendable>(_ sql: String, as type: Row.Type) async throws -> Row {
        try RowDecoder.decode(type, from: try await queryRow(sql))
    }
}
