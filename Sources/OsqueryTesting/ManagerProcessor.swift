import Osquery
import SystemCalls
import Thrift

/// Answers as osqueryd does at its extension socket (osquery.thrift: ExtensionManager).
final class ManagerProcessor: MessageProcessor {
    struct State {
        var nextUUID: Int64 = 1
        var extensions: [Int64: ExtensionInfo] = [:]
    }

    let state = Lock(State())
    private let options: [String: OptionInfo]
    private let query: @Sendable (String) -> ExtensionResponse

    init(options: [String: OptionInfo], query: @escaping @Sendable (String) -> ExtensionResponse) {
        self.options = options
        self.query = query
    }

    func answer(_ message: Message, into writer: inout ThriftWriter, _ gate: CallGate) -> AnswerOutcome {
        do throws(ThriftError) {
            try answer(message, message.name.string, &writer)
        } catch {
            writeException(.protocolError, "\(error)", message.header, message.name, &writer)
            return .close
        }
        return .goOn
    }

    private func answer(_ message: Message, _ method: String, _ writer: inout ThriftWriter) throws(ThriftError) {
        switch method {
        case "ping":
            reply(message, &writer, ExtensionStatus())
        case "registerExtension":
            var info = ExtensionInfo(name: "", version: "")
            try readArguments(message, .structure) { (reader) throws(ThriftError) in
                info = try ExtensionInfo(from: &reader)
            }
            reply(message, &writer, register(info))
        case "deregisterExtension":
            var uuid: Int64 = 0
            try readArguments(message, .int64) { (reader) throws(ThriftError) in uuid = try reader.readInt64() }
            let known = state.withLock { $0.extensions.removeValue(forKey: uuid) }
            reply(message, &writer, known == nil ? .failure("No extension UUID registered") : ExtensionStatus())
        case "extensions":
            let extensions = state.withLock { $0.extensions }
            writeReply(message, &writer) { writer in
                writer.writeField(0, .map)
                writer.writeMapHeader(from: .int64, to: .structure, count: extensions.count)
                for (uuid, info) in extensions {
                    writer.writeInt64(uuid)
                    info.write(to: &writer)
                }
            }
        case "options":
            writeReply(message, &writer) { [options] writer in
                writer.writeField(0, .map)
                writer.writeMapHeader(from: .string, to: .structure, count: options.count)
                for (name, option) in options {
                    writer.writeString(name)
                    option.write(to: &writer)
                }
            }
        case "query", "getQueryColumns":
            var sql = ""
            try readArguments(message, .string) { (reader) throws(ThriftError) in sql = try reader.readString() }
            let response = query(sql)
            writeReply(message, &writer) { writer in
                writer.writeField(0, .structure)
                response.write(to: &writer)
            }
        default:
            writeException(
                .unknownMethod, "The stand-in has no method “\(method)”.", message.header, message.name, &writer)
        }
    }

    private func register(_ info: ExtensionInfo) -> ExtensionStatus {
        state.withLock { state in
            guard !state.extensions.values.contains(where: { $0.name == info.name }) else {
                return .failure("Duplicate extension registered")
            }
            let uuid = state.nextUUID
            state.nextUUID += 1
            state.extensions[uuid] = info
            return ExtensionStatus(uuid: uuid)
        }
    }

    private func reply(_ message: Message, _ writer: inout ThriftWriter, _ status: ExtensionStatus) {
        writeReply(message, &writer) { writer in
            writer.writeField(0, .structure)
            status.write(to: &writer)
        }
    }

    /// Reads the method's first argument.
    private func readArguments(
        _ message: Message, _ type: FieldType, _ read: (inout ThriftReader) throws(ThriftError) -> Void
    ) throws(ThriftError) {
        var reader = message.body
        try reader.readStruct { (reader, id, found) throws(ThriftError) in
            guard id == 1, found == type else { return false }
            try read(&reader)
            return true
        }
    }
}
