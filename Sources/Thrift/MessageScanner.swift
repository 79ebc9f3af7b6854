/// Finds head and end of a message in bytes that may still be arriving.
///
/// There is no framing on osquery's sockets: one message may come in many reads, and several messages in one.
package struct MessageScanner: ~Copyable {
    private var body: ValueScanner?
    /// Known as soon as its bytes are here: a message whose body turns out bad can still be answered.
    package private(set) var header: MessageHeader?
    /// How many bytes of the message must be here before ``scan(_:)`` gets any further.
    package private(set) var needed = 4

    package init() {}

    /// Looks at what has arrived since the last call.
    ///
    /// - Parameter bytes: The message's bytes so far, from its first one on; what may follow it is left alone.
    /// - Returns: The message's length once all of it is here, else nil.
    package mutating func scan(_ bytes: RawSpan) throws(ThriftError) -> Int? {
        if body == nil {
            guard let header = try scanHeader(bytes) else { return nil }
            self.header = header
            body = ValueScanner(.structure, at: header.body)
        }
        if try body!.scan(bytes) { return body!.offset }
        needed = body!.needed
        return nil
    }

    /// Strict: `i32 0x800100TT, string name, i32 seqid`; old: `string name, byte kind, i32 seqid`.
    private mutating func scanHeader(_ bytes: RawSpan) throws(ThriftError) -> MessageHeader? {
        guard has(4, bytes) else { return nil }
        let word = UInt32(bitPattern: bytes.int32(at: 0))
        let isStrict = word & 0x8000_0000 != 0
        if isStrict && word & 0xFFFF_0000 != 0x8001_0000 { throw .unsupportedVersion(word) }
        let nameStart = isStrict ? 8 : 4
        guard has(nameStart, bytes) else { return nil }
        let nameEnd = nameStart + (try bytes.length(at: nameStart - 4))
        guard nameEnd <= ThriftLimits.messageSize else { throw .messageTooLarge }
        let headerEnd = nameEnd + (isStrict ? 4 : 5)
        guard has(headerEnd, bytes) else { return nil }
        let code = isStrict ? UInt8(word & 0xFF) : bytes.unsafeLoad(fromByteOffset: nameEnd, as: UInt8.self)
        guard let kind = MessageKind(rawValue: code) else { throw .unknownMessageKind(code) }
        return MessageHeader(
            kind: kind,
            name: nameStart..<nameEnd,
            sequenceID: bytes.int32(at: headerEnd - 4),
            body: headerEnd)
    }

    private mutating func has(_ length: Int, _ bytes: RawSpan) -> Bool {
        needed = length
        return length <= bytes.byteCount
    }
}
