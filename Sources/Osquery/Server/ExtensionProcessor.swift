package import Thrift

/// Answers the messages of the Thrift service `Extension` (osquery.thrift) for a set of plugins.
package struct ExtensionProcessor: MessageProcessor {
    package let uuid: Int64
    package let plugins: [any ExtensionPlugin]
    private let registered: [Registered]
    /// The result structs that nearly every answer consists of, ready to be sent.
    private let pingResult: [UInt8]
    private let successResult: [UInt8]

    /// A plugin and what finds it. What it is at run time is asked once, not at each call.
    private struct Registered {
        let registry: String
        let name: String
        let plugin: any ExtensionPlugin
        let synchronous: (any SynchronousPlugin)?
    }

    package init(uuid: Int64, plugins: [any ExtensionPlugin]) {
        self.uuid = uuid
        self.plugins = plugins
        registered = plugins.map { plugin in
            Registered(
                registry: type(of: plugin).registry.rawValue, name: plugin.name, plugin: plugin,
                synchronous: plugin as? any SynchronousPlugin)
        }
        let status = ExtensionStatus(uuid: uuid)
        pingResult = Self.result(status.write)
        successResult = Self.result(ExtensionResponse(status: status).write)
    }

    private static func result(_ write: (inout ThriftWriter) -> Void) -> [UInt8] {
        var writer = ThriftWriter()
        writeResult(&writer, write)
        return writer.bytes
    }

    /// Writes a result struct whose field 0 is the struct that `write` writes.
    private static func writeResult(_ writer: inout ThriftWriter, _ write: (inout ThriftWriter) -> Void) {
        writer.writeField(0, .structure)
        write(&writer)
        writer.writeStop()
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
                writer.writeReplyHeader(to: message.bytes, message.header)
                if response.isPlainSuccess {
                    writer.append(successResult)
                } else {
                    Self.writeResult(&writer, response.write)
                }
            } catch {
                writeException(.protocolError, "\(error)", message.header, message.name, &writer)
                return .close
            }
        } else if message.name == "ping" {
            writer.writeReplyHeader(to: message.bytes, message.header)
            writer.append(pingResult)
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
        var registry = ByteSlice.empty
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
        var response = answer(registry, item, request, gate)
        response.status.uuid = uuid
        return response
    }

    private func answer(
        _ registry: ByteSlice, _ item: ByteSlice, _ request: PluginRequest, _ gate: CallGate
    ) -> ExtensionResponse {
        guard let found = registered.first(where: { item == $0.name && registry == $0.registry }) else {
            return unknown(registry, item)
        }
        guard let plugin = found.synchronous else { return gate.call(found.plugin, request) }
        do {
            return try plugin.answer(request)
        } catch {
            return .failure(error.text)
        }
    }

    private func unknown(_ registry: ByteSlice, _ item: ByteSlice) -> ExtensionResponse {
        let known = plugins.map { "\(type(of: $0).registry.rawValue) “\($0.name)”" }.joined(separator: ", ")
        guard PluginRegistry(rawValue: registry.string) != nil else {
            return .failure("There is no registry “\(registry.string)”; this extension has \(known).")
        }
        return .failure("There is no \(registry.string) plugin “\(item.string)”; this extension has \(known).")
    }
}
