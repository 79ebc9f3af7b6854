import SystemCalls

/// Calls that suspend their task until osqueryd has answered. Each waits on a thread of its own, never in Swift's pool.
extension ExtensionManagerClient {
    /// Asks whether osqueryd answers.
    public func ping() async throws(ManagerError) {
        try await onThread { () throws(ManagerError) in try self.ping() }
    }

    /// Registers an extension and its plugins.
    ///
    /// - Returns: The number that osqueryd gave the extension; it is to listen at the socket's path, a dot and this number.
    public func registerExtension(
        _ info: ExtensionInfo, plugins: [any ExtensionPlugin]
    ) async throws(ManagerError) -> Int64 {
        try await onThread { () throws(ManagerError) in try self.registerExtension(info, plugins: plugins) }
    }

    /// Takes an extension and its plugins out of osqueryd's registry.
    public func deregisterExtension(_ uuid: Int64) async throws(ManagerError) {
        try await onThread { () throws(ManagerError) in try self.deregisterExtension(uuid) }
    }

    /// The extensions that osqueryd knows, by their numbers; 0 is osquery itself.
    public func extensions() async throws(ManagerError) -> [Int64: ExtensionInfo] {
        try await onThread { () throws(ManagerError) in try self.extensions() }
    }

    /// osqueryd's flags, by their names without dashes.
    public func options() async throws(ManagerError) -> [String: OptionInfo] {
        try await onThread { () throws(ManagerError) in try self.options() }
    }

    /// Runs a query and brings its rows.
    public func query(_ sql: String) async throws(ManagerError) -> [ExtensionResponse.Row] {
        try await onThread { () throws(ManagerError) in try self.query(sql) }
    }

    /// Runs a query and decodes each of its rows.
    ///
    /// ```swift
    /// struct Process: Decodable { var pid: Int32; var name: String; var parent: Int32? }
    /// let processes = try await manager.query("SELECT pid, name, parent FROM processes", as: Process.self)
    /// ```
    ///
    /// A property is the column of its name, or of its name in snake case. A column that is missing or empty is nil where the
    /// property is an optional.
    ///
    /// - Throws: ``ManagerError``, or ``RowError`` for a row that is no such value.
    public func query<Row: Decodable & Sendable>(_ sql: String, as type: Row.Type) async throws -> [Row] {
        try await query(sql).map { try RowDecoder.decode(type, from: $0) }
    }

    /// The columns that a query would bring: a row each, `{name: type}`.
    public func getQueryColumns(_ sql: String) async throws(ManagerError) -> [ExtensionResponse.Row] {
        try await onThread { () throws(ManagerError) in try self.getQueryColumns(sql) }
    }

    package func onThread<R: Sendable>(
        _ body: @escaping @Sendable () throws(ManagerError) -> R
    ) async throws(ManagerError) -> R {
        let result: Result<R, ManagerError> = await withCheckedContinuation { continuation in
            do throws(SystemError) {
                try BlockingThread.start {
                    continuation.resume(returning: Result { () throws(ManagerError) in try body() })
                }
            } catch {
                let failed = ManagerError(method: "call", socketPath: socketPath, reason: .notReached(error))
                continuation.resume(returning: .failure(failed))
            }
        }
        return try result.get()
    }
}
