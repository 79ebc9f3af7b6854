import CLinux
import Glibc
import SystemCalls
import Thrift

/// Calls osqueryd, or osqueryi, over its extension socket (osquery.thrift: ExtensionManager).
///
/// One connection is kept between calls, and made anew when osqueryd has closed it. Calls made at once have a connection each.
public final class ExtensionManagerClient: Sendable {
    /// What `--extensions_socket` names.
    public let socketPath: String
    /// How long a call may take, from its beginning to the last byte of the answer.
    public let timeout: Duration

    private let interrupt: Int32?
    private let process: pid_t?
    /// The connection kept between calls; nil while there is none, or a call has it.
    private let kept: Lock<Connection?>

    /// - Parameters:
    ///   - socketPath: osqueryd's `--extensions_socket`.
    ///   - timeout: How long a call may take, from its beginning to the last byte of the answer.
    public convenience init(socketPath: String, timeout: Duration = .seconds(10)) {
        self.init(socketPath: socketPath, timeout: timeout, interrupt: nil, process: nil)
    }

    /// - Parameters:
    ///   - interrupt: A descriptor that ends a call early when it becomes readable.
    ///   - process: Who is to answer; another process that listens at the same path is not called.
    init(socketPath: String, timeout: Duration, interrupt: Int32? = nil, process: pid_t? = nil) {
        self.socketPath = socketPath
        self.timeout = timeout
        self.interrupt = interrupt
        self.process = process
        kept = Lock(nil)
    }

    /// The same client, whose calls end early when a descriptor becomes readable.
    init(_ client: ExtensionManagerClient, interrupt: Int32) {
        socketPath = client.socketPath
        timeout = client.timeout
        self.interrupt = interrupt
        process = client.process
        kept = client.kept
    }

    /// The connection kept between calls, to see whether osqueryd ends it.
    var idleConnection: Int32? {
        kept.withLock { $0?.rawValue }
    }

    /// The process that answers over the connection kept between calls.
    func managerProcess() -> ManagerProcess {
        kept.withLock { ManagerProcess(at: socketPath, over: $0?.rawValue) }
    }

    /// The process that listens at the socket. Nil where there is none, or where it is in another pid namespace.
    package func listeningProcess() -> Int32? {
        guard let descriptor = try? UnixSocket.connect(to: socketPath, timeout: timeout) else { return nil }
        return withExtendedLifetime(descriptor) { UnixSocket.peerProcess(of: $0.rawValue) }
    }

    /// Closes the connection kept between calls; the next call makes a new one.
    func disconnect() {
        kept.withLock { $0 = nil }
    }

    /// Asks whether osqueryd answers.
    package func ping() throws(ManagerError) {
        try check(try call("ping", readStatus), of: "ping")
    }

    /// Registers an extension and its plugins.
    ///
    /// - Parameter plugins: What to register.
    /// - Returns: The number that osqueryd gave the extension; it is to listen at the socket's path, a dot and this number.
    package func registerExtension(
        _ info: ExtensionInfo, plugins: [any ExtensionPlugin]
    ) throws(ManagerError) -> Int64 {
        let routes = RegistryRoutes(plugins)
        let status = try call("registerExtension", readStatus) { writer in
            writer.writeField(1, .structure)
            info.write(to: &writer)
            writer.writeField(2, .map)
            routes.write(to: &writer)
        }
        try check(status, of: "registerExtension")
        return status.uuid
    }

    /// Takes an extension and its plugins out of osqueryd's registry.
    package func deregisterExtension(_ uuid: Int64) throws(ManagerError) {
        let status = try call("deregisterExtension", readStatus) { writer in
            writer.writeField(1, .int64)
            writer.writeInt64(uuid)
        }
        try check(status, of: "deregisterExtension")
    }

    /// The extensions that osqueryd knows, by their numbers.
    package func extensions() throws(ManagerError) -> [Int64: ExtensionInfo] {
        try call(
            "extensions",
            { (reader, type) throws(ThriftError) in
                guard type == .map else { return nil }
                var extensions: [Int64: ExtensionInfo] = [:]
                try reader.readMap(from: .int64, to: .structure) { (reader) throws(ThriftError) in
                    let uuid = try reader.readInt64()
                    extensions[uuid] = try ExtensionInfo(from: &reader)
                }
                return extensions
            })
    }

    /// osqueryd's flags, by their names without dashes.
    package func options() throws(ManagerError) -> [String: OptionInfo] {
        try call(
            "options",
            { (reader, type) throws(ThriftError) in
                guard type == .map else { return nil }
                var options: [String: OptionInfo] = [:]
                try reader.readMap(from: .string, to: .structure) { (reader) throws(ThriftError) in
                    let name = try reader.readString()
                    options[name] = try OptionInfo(from: &reader)
                }
                return options
            })
    }

    /// Runs a query and returns its rows.
    package func query(_ sql: String) throws(ManagerError) -> [ExtensionResponse.Row] {
        try rows("query", sql)
    }

    /// The columns that a query would return: a row for each, `{name: type}`.
    func getQueryColumns(_ sql: String) throws(ManagerError) -> [ExtensionResponse.Row] {
        try rows("getQueryColumns", sql)
    }

    /// Calls a plugin of osqueryd, or of the extension that listens at the socket (osquery.thrift: Extension).
    func call(
        _ registry: String, _ item: String, _ request: [String: String]
    ) throws(ManagerError) -> ExtensionResponse {
        try call("call", readResponse) { writer in
            writer.writeField(1, .string)
            writer.writeString(registry)
            writer.writeField(2, .string)
            writer.writeString(item)
            writer.writeField(3, .map)
            writer.writeRow(request)
        }
    }

    private func rows(_ method: String, _ sql: String) throws(ManagerError) -> [ExtensionResponse.Row] {
        let response = try call(method, readResponse) { writer in
            writer.writeField(1, .string)
            writer.writeString(sql)
        }
        try check(response.status, of: method)
        return response.rows
    }

    private func check(_ status: ExtensionStatus, of method: String) throws(ManagerError) {
        guard status.code != 0 else { return }
        throw error(method, .refused(code: status.code, message: status.message))
    }

    private func error(_ method: String, _ reason: ManagerError.Reason) -> ManagerError {
        ManagerError(method: method, socketPath: socketPath, reason: reason)
    }
}

// MARK: - One call

extension ExtensionManagerClient {
    private struct Connection: ~Copyable {
        var descriptor: FileDescriptor?
        var receiver = MessageReceiver()
        var sequenceID: Int32 = 0

        var rawValue: Int32? {
            switch descriptor {
            case .some(let descriptor): descriptor.rawValue
            case .none: nil
            }
        }
    }

    /// Reads the result, field 0, or answers nil when it is of another type than the method's.
    private typealias ReadResult<R> = (inout ThriftReader, FieldType) throws(ThriftError) -> R?

    private var readStatus: ReadResult<ExtensionStatus> {
        { (reader, type) throws(ThriftError) in
            type == .structure ? try ExtensionStatus(from: &reader) : nil
        }
    }

    private var readResponse: ReadResult<ExtensionResponse> {
        { (reader, type) throws(ThriftError) in
            type == .structure ? try ExtensionResponse(from: &reader) : nil
        }
    }

    private func call<R: Sendable>(
        _ method: String, _ read: ReadResult<R>, writeArguments: (inout ThriftWriter) -> Void = { _ in }
    ) throws(ManagerError) -> R {
        var connection = kept.withLock { $0.take() } ?? Connection()
        do throws(ManagerError.Reason) {
            let message = try exchange(method, over: &connection, writeArguments)
            let result = try Self.result(of: message, method, read)
            var used: Connection? = consume connection
            // That of a call made meanwhile is closed.
            kept.withLock { swap(&$0, &used) }
            return result
        } catch {
            // The connection is closed: an answer that comes too late would be taken for the next call's.
            throw self.error(method, error)
        }
    }

    private func exchange(
        _ method: String, over connection: inout Connection, _ writeArguments: (inout ThriftWriter) -> Void
    ) throws(ManagerError.Reason) -> Message {
        let deadline = Deadline(in: timeout)
        let descriptor = try connect(&connection, by: deadline)
        connection.sequenceID &+= 1
        var writer = ThriftWriter()
        writer.writeMessageHeader(.call, name: ByteSlice(method), sequenceID: connection.sequenceID)
        writeArguments(&writer)
        writer.writeStop()
        do {
            try UnixSocket.limitSending(over: descriptor, to: deadline.remaining)
            try UnixSocket.send(writer, to: descriptor)
        } catch {
            throw error.code == EAGAIN ? .timedOut : .closed
        }
        let message = try receive(from: descriptor, &connection.receiver, by: deadline)
        guard message.header.sequenceID == connection.sequenceID, message.name == method else {
            throw .badReply("It is for another call, “\(message.name.string)”.")
        }
        return message
    }

    /// The connection kept from the last call, or a new one.
    private func connect(_ connection: inout Connection, by deadline: Deadline) throws(ManagerError.Reason) -> Int32 {
        // An idle one has input where the peer has closed it, or said what nobody asked for.
        if let kept = connection.rawValue, !UnixSocket.hasInput(kept) { return kept }
        connection.descriptor = nil
        connection.receiver.reset()
        do throws(SystemError) {
            let descriptor = try UnixSocket.connect(to: socketPath, timeout: deadline.remaining)
            let rawValue = descriptor.rawValue
            if let process, UnixSocket.peerProcess(of: rawValue) != process {
                throw SystemError("find process \(process) at", socketPath, code: ESRCH)
            }
            connection.descriptor = consume descriptor
            return rawValue
        } catch {
            throw error.code == EAGAIN ? .timedOut : .notReached(error)
        }
    }

    private func receive(
        from descriptor: Int32, _ receiver: inout MessageReceiver, by deadline: Deadline
    ) throws(ManagerError.Reason) -> Message {
        do {
            return try receiver.next(from: descriptor, by: deadline, interrupt: interrupt)
        } catch {
            switch error {
            case .closed: throw .closed
            case .timedOut: throw .timedOut
            case .interrupted: throw .interrupted
            case .failed(let error): throw .badReply(error.description)
            case .malformed(let error, _, _): throw .badReply(error.description)
            }
        }
    }

    private static func result<R>(
        of message: Message, _ method: String, _ read: ReadResult<R>
    ) throws(ManagerError.Reason) -> R {
        var reader = message.body
        do {
            switch message.header.kind {
            case .reply:
                var result: R?
                try reader.readStruct { (reader, id, type) throws(ThriftError) in
                    guard id == 0 else { return false }
                    result = try read(&reader, type)
                    return result != nil
                }
                if let result { return result }
            case .exception:
                throw ManagerError.Reason.exception(try ApplicationException(from: &reader).message)
            case .call, .oneway:
                break
            }
        } catch let reason as ManagerError.Reason {
            throw reason
        } catch {
            throw .badReply("\(error)")
        }
        throw .badReply("It holds no result of \(method).")
    }
}
