import Thrift

/// Answers the messages of the Thrift service `Extension` (osquery.thrift) for a set of plugins.
struct ExtensionProcessor: Sendable {
    /// What becomes of the connection once the answer is sent.
    enum Outcome {
        case goOn
        case close
        /// osqueryd told the extension to end.
        case shutdown
    }

    let uuid: Int64
    let plugins: [any ExtensionPlugin]

    /// Writes the answer to `message`; nothing is written where Thrift wants none.
    func answer(_ message: Message, into writer: inout ThriftWriter, _ gate: CallGate) -> Outcome {
        switch message.header.kind {
        case .call, .oneway: break
        case .reply, .exception:
            writeException(
                .invalidMessageType, "An extension takes calls, not replies.", message.header, message.name, &writer)
            return .close
        }
        var outcome = Outcome.goOn
        if message.name == "call" {
            do {
                let response = try callPlugin(message, gate)
                writeReply(message, &writer) { response.write(to: &$0) }
            } catch {
                writeException(.protocolError, "\(error)", message.header, message.name, &writer)
                return .close
            }
        } else if message.name == "ping" {
            let status = ExtensionStatus(uuid: uuid)
            writeReply(message, &writer) { status.write(to: &$0) }
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

    /// Writes that a message could not be read, where enough of it could to say so to its sender.
    func answerMalformed(
        _ error: ThriftError, _ header: MessageHeader?, name: ByteSlice?, into writer: inout ThriftWriter
    ) {
        guard let header, let name, header.kind == .call else { return }
        writeException(.protocolError, error.description, header, name, &writer)
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

    private func writeReply(
        _ message: Message, _ writer: inout ThriftWriter, result: ((inout ThriftWriter) -> Void)?
    ) {
        writer.writeMessageHeader(.reply, name: message.name, sequenceID: message.header.sequenceID)
        if let result {
            writer.writeField(0, .structure)
            result(&writer)
        }
        writer.writeStop()
    }

    private func writeException(
        _ kind: ApplicationException.Kind, _ text: String, _ header: MessageHeader, _ name: ByteSlice,
        _ writer: inout ThriftWriter
    ) {
        writer.writeMessageHeader(.exception, name: name, sequenceID: header.sequenceID)
        ApplicationException(kind, text).write(to: &writer)
    }
}
