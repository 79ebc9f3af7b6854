/// What a message is for.
package enum MessageKind: UInt8, Sendable {
    case call = 1
    case reply = 2
    case exception = 3
    case oneway = 4
}

/// The head of a message: where its name and body are, and what it is.
package struct MessageHeader: Sendable {
    package let kind: MessageKind
    /// Where the method's name stands in the message.
    package let name: Range<Int>
    /// Chosen by the caller, repeated in the reply.
    package let sequenceID: Int32
    /// Where the argument or result struct begins.
    package let body: Int
}
