package import Thrift

/// What becomes of a connection once an answer is sent.
package enum AnswerOutcome: Sendable {
    case goOn
    case close
    /// The peer told us to end.
    case shutdown
}

/// Answers the messages of a Thrift service.
package protocol MessageProcessor: Sendable {
    /// Writes the answer to `message`; nothing is written where Thrift wants none.
    func answer(_ message: Message, into writer: inout ThriftWriter, _ gate: CallGate) -> AnswerOutcome
}

extension MessageProcessor {
    /// Writes that a message could not be read, where enough of it could to say so to its sender.
    package func answerMalformed(
        _ error: ThriftError, _ header: MessageHeader?, name: ByteSlice?, into writer: inout ThriftWriter
    ) {
        guard let header, let name, header.kind == .call else { return }
        writeException(.protocolError, error.description, header, name, &writer)
    }

    /// Writes a reply with field 0, or without one for a method that answers nothing.
    package func writeReply(
        _ message: Message, _ writer: inout ThriftWriter, result: ((inout ThriftWriter) -> Void)?
    ) {
        writer.writeReplyHeader(to: message.bytes, message.header)
        result?(&writer)
        writer.writeStop()
    }

    package func writeException(
        _ kind: ApplicationException.Kind, _ text: String, _ header: MessageHeader, _ name: ByteSlice,
        _ writer: inout ThriftWriter
    ) {
        writer.writeMessageHeader(.exception, name: name, sequenceID: header.sequenceID)
        ApplicationException(kind, text).write(to: &writer)
    }
}
