import SystemCalls

/// Calls that suspend their task until osqueryd has answered, or the task is cancelled: then they throw a ``ManagerError`` with the code
/// ``ManagerError/Code/interrupted``. Each waits on a thread of its own, never in Swift's pool.
extension ExtensionManagerClient: OsqueryClient {
    /// Asks whether osqueryd answers.
    public func ping() async throws(ManagerError) {
        try await onThread { (client) throws(ManagerError) in try client.ping() }
    }

    /// Registers an extension and its plugins.
    ///
    /// - Returns: The number that osqueryd gave the extension; it is to listen at the socket's path, a dot and this number.
    public func registerExtension(
        _ info: ExtensionInfo, plugins: [any ExtensionPlugin]
    ) async throws(ManagerError) -> Int64 {
        try await onThread { (client) throws(ManagerError) in try client.registerExtension(info, plugins: plugins) }
    }

    /// Takes an extension and its plugins out of osqueryd's registry.
    public func deregisterExtension(_ uuid: Int64) async throws(ManagerError) {
        try await onThread { (client) throws(ManagerError) in try client.deregisterExtension(uuid) }
    }

    /// The extensions that osqueryd knows, by their numbers. osquery itself is not among them.
    public func extensions() async throws(ManagerError) -> [Int64: ExtensionInfo] {
        try await onThread { (client) throws(ManagerError) in try client.extensions() }
    }

    /// osqueryd's flags, by their names without dashes.
    public func options() async throws(ManagerError) -> [String: OptionInfo] {
        try await onThread { (client) throws(ManagerError) in try client.options() }
    }

    /// Runs a query and returns its rows.
    public func query(_ sql: String) async throws(ManagerError) -> [ExtensionResponse.Row] {
        try await onThread { (client) throws(ManagerError) in try client.query(sql) }
    }

    /// The columns that a query would return: a row for each, `{name: type}`.
    public func getQueryColumns(_ sql: String) async throws(ManagerError) -> [ExtensionResponse.Row] {
        try await onThread { (client) throws(ManagerError) in try client.getQueryColumns(sql) }
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
        try await onThread { (client) throws(ManagerError) in try client.call(registry, plugin, request) }
    }

    private func onThread<R: Sendable>(
        _ body: @escaping @Sendable (ExtensionManagerClient) throws(ManagerError) -> R
    ) async throws(ManagerError) -> R {
        let cancellation = WakeEvent()
        let result: Result<R, ManagerError> = await withTaskCancellationHandler {
            do throws(SystemError) {
                return try await BlockingThread.run { [self] in
                    let client = ExtensionManagerClient(self, interrupt: cancellation.descriptor)
                    return Result { () throws(ManagerError) in try body(client) }
                }
            } catch {
                return .failure(ManagerError(method: "call", socketPath: socketPath, reason: .notReached(error)))
            }
        } onCancel: {
            cancellation.set()
        }
        return try result.get()
    }
}
