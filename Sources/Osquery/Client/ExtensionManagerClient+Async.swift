import SystemCalls

/// Calls that suspend their task until osqueryd has answered. Each waits on a thread of its own, never in Swift's pool.
extension ExtensionManagerClient: OsqueryClient {
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

    /// The extensions that osqueryd knows, by their numbers. osquery itself is not among them.
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

    /// The columns that a query would bring: a row each, `{name: type}`.
    public func getQueryColumns(_ sql: String) async throws(ManagerError) -> [ExtensionResponse.Row] {
        try await onThread { () throws(ManagerError) in try self.getQueryColumns(sql) }
    }

    /// Calls a plugin (osquery.thrift: Extension.call).
    ///
    /// At osqueryd's own socket these are the plugins that osqueryd has registered, its own and those of its extensions. At an
    /// extension's socket, which is osqueryd's with a dot and the extension's number, they are those of the extension.
    ///
    /// - Returns: What the plugin answers, whatever its status: a logger answers `features` with its feature bits there.
    public func call(
        registry: String, plugin: String, request: [String: String]
    ) async throws(ManagerError) -> ExtensionResponse {
        try await onThread { () throws(ManagerError) in try self.call(registry, plugin, request) }
    }

    private func onThread<R: Sendable>(
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
