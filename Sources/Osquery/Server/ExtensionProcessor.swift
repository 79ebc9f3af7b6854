package import Thrift

/// Answers the messages of the Thrift service `Extension` (osquery.thrift) for a set of plugins.
package struct ExtensionProcessor: MessageProcessor {
    package let uuid: Int64
    package let plugins: [any ExtensionPlugin]

    package init(uuid: Int64, plugins: [any ExtensionPlugin]) {
        self.uuid = uuid
        self.plugins = plugins
    }

    /// Writes the answer to `message`; nothing is written where Thrift wants none.
    package func answer(_ message: Message, into writer: inout ThriftWriter, _ gate: CallGate) -> AnswerOutcome {
        switch message.header.kind {
        case .call, .oneway: break
        case .reply, .exception:
            writeException(
                .invalidMessageType, "An extension takes calls, not replies.", message.header, message.name, &writer)
            return .close
        }
        var outcome = AnswerOutcome.goOn
        if message.name == "call" {
            do {
                let response = try callPlugin(message, gate)
                writeReply(message, &writer) { writer in
                    writer.writeField(0, .structure)
                    response.write(to: &writer)
                }
            } catch {
                writeException(.protocolError, "\(error)", message.header, message.name, &writer)
                return .close
            }
        } else if message.name == "ping" {
            let status = ExtensionStatus(uuid: uuid)
            writeReply(message, &writer) { writer in
                writer.writeField(0, .structure)
                status.write(to: &writer)
            }
        } else if message.name == "shutdown" {
            writeReply(message, &writer, result: nil)
            outcome = .shutdown
        } else {
            let text = "An extension has no method “\(message.name.string)”; it has ping, call and shutdown."
            writeException(.unknownMethod, text, message.header, message.name, &writer)
        }
        if message.header.kind == .oneway { writer.removeAll() }
        return outcome
    }

    private func callPlugin(_ message: Message, _ gate: CallGate) throws(ThriftError) -> ExtensionResponse {
        var registry = ByteSlice([])
        var item = registry
        var request = PluginRequest()
        var reader = message.body
        try reader.readStruct { (reader, id, type) throws(ThriftError) in
            switch (id, type) {
            case (1, .string): registry = try reader.readBytes()
            case (2, .string): item = try reader.readBytes()
            case (3, .map): request = try PluginRequest(from: &reader, in: message.bytes)
            default: return false
            }
            return true
        }
        var response = find(registry, item).map { gate.call($0, request) } ?? unknown(registry, item)
        response.status.uuid = uuid
        return response
    }

    private func find(_ registry: ByteSlice, _ item: ByteSlice) -> (any ExtensionPlugin)? {
        plugins.first { registry == type(of: $0).registry.rawValue && item == $0.name }
    }

    private func unknown(_ registry: ByteSlice, _ item: ByteSlice) -> ExtensionResponse {
        let known = plugins.map { "\(type(of: $0).registry.rawValue) “\($0.name)”" }.joined(separator: ", ")
        guard PluginRegistry(rawValue: registry.string) != nil else {
            return .failure("There is no registry “\(registry.string)”; this extension has \(known).")
        }
        return .failure("There is no \(registry.string) plugin “\(item.string)”; this extension has \(known).")
    }
}
