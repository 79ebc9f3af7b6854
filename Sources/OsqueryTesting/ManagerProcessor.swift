import Osquery
import SystemCalls
import Thrift

/// Answers as osqueryd does at its extension socket (osquery.thrift: ExtensionManager).
final class ManagerProcessor: MessageProcessor {
    struct State {
        var nextUUID: Int64 = 1
        var extensions: [Int64: ExtensionInfo] = [:]
        var registries: [Int64: ReceivedRoutes] = [:]
        var options: [String: OptionInfo]
        var query: TestManager.QueryAnswer
    }

    let state: Lock<State>

    init(options: [String: OptionInfo], query: @escaping TestManager.QueryAnswer) {
        state = Lock(State(options: options, query: query))
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
            var routes = ReceivedRoutes()
            var reader = message.body
            try reader.readStruct { (reader, id, type) throws(ThriftError) in
                switch (id, type) {
                case (1, .structure): info = try ExtensionInfo(from: &reader)
                case (2, .map): routes = try ReceivedRoutes(from: &reader)
                default: return false
                }
                return true
            }
            reply(message, &writer, register(info, routes))
        case "deregisterExtension":
            var uuid: Int64 = 0
            try readArguments(message, .int64) { (reader) throws(ThriftError) in uuid = try reader.readInt64() }
            let known = state.withLock { state in
                state.registries[uuid] = nil
                return state.extensions.removeValue(forKey: uuid)
            }
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
            let options = state.withLock { $0.options }
            writeReply(message, &writer) { writer in
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
            let response = answer(sql)
            writeReply(message, &writer) { writer in
                writer.writeField(0, .structure)
                response.write(to: &writer)
            }
        default:
            writeException(
                .unknownMethod, "The stand-in has no method “\(method)”.", message.header, message.name, &writer)
        }
    }

    /// What the test says of a query. It is asked without the lock, since it may take its time or ask for the options.
    private func answer(_ sql: String) -> ExtensionResponse {
        let query = state.withLock { $0.query }
        do {
            return try query(sql)
        } catch {
            return .failure(error.text)
        }
    }

    /// Takes an extension, or refuses it with osqueryd's text (osquery: extensions/interface.cpp, registerExtension;
    /// registry/registry_factory.cpp, addBroadcast).
    private func register(_ info: ExtensionInfo, _ routes: ReceivedRoutes) -> ExtensionStatus {
        state.withLock { state in
            guard !state.extensions.values.contains(where: { $0.name == info.name }) else {
                return .failure("Duplicate extension registered")
            }
            for (registry, plugin) in routes.plugins
            where state.registries.values.contains(where: { $0[registry, plugin] != nil }) {
                return .failure(
                    "Failed adding registry: Registry item \(plugin) conflicts with another item of the same name.")
            }
            let uuid = state.nextUUID
            state.nextUUID += 1
            state.extensions[uuid] = info
            state.registries[uuid] = routes
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
