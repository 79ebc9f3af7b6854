/// Writes values in the binary protocol, into memory that can be used again.
package struct ThriftWriter {
    private var written: [UInt8] = []
    /// A large piece of what is written, which is not copied, and how many of the other bytes come before it.
    private var adopted: (slice: ByteSlice, offset: Int)?

    package init() {}

    /// What has been written, in one piece.
    package var bytes: [UInt8] {
        guard let (slice, offset) = adopted else { return written }
        var whole = ThriftWriter()
        whole.written.reserveCapacity(written.count + slice.count)
        whole.written += written[..<offset]
        whole.copy(slice)
        return whole.written + written[offset...]
    }

    package var isEmpty: Bool { written.isEmpty && adopted == nil }

    /// Calls `body` with what has been written, piece by piece.
    package func forEachPiece<E>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        let pieces = written.span.bytes
        guard let (slice, offset) = adopted else { return try pieces.withUnsafeBytes(body) }
        try pieces.extracting(..<offset).withUnsafeBytes(body)
        try slice.withBytes { (bytes) throws(E) in try bytes.withUnsafeBytes(body) }
        try pieces.extracting(offset...).withUnsafeBytes(body)
    }

    /// Forgets what was written; the memory is kept for the next message, unless it is much.
    package mutating func removeAll() {
        written.removeAll(keepingCapacity: written.capacity <= Self.keptCapacity)
        adopted = nil
    }

    private static let keptCapacity = 64 << 10
    /// A smaller piece is copied: sending it on its own costs a system call.
    private static let adoptedFrom = 64 << 10

    /// A strict header: the one that osquery's side writes.
    package mutating func writeMessageHeader(_ kind: MessageKind, name: ByteSlice, sequenceID: Int32) {
        write(0x8001_0000 | UInt32(kind.rawValue))
        writeBytes(name)
        write(sequenceID)
    }

    /// The header of the reply to `call`, whose header `header` is: that of a call with another kind, where it is a strict one.
    package mutating func writeReplyHeader(to call: ByteSlice, _ header: MessageHeader) {
        let isStrict = call.withBytes { $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) & 0x80 != 0 }
        guard isStrict else {
            return writeMessageHeader(.reply, name: call[header.name], sequenceID: header.sequenceID)
        }
        let start = written.count
        append(call[0..<header.body])
        written[start + 3] = MessageKind.reply.rawValue
    }

    /// The head of a field; its value follows.
    package mutating func writeField(_ id: Int16, _ type: FieldType) {
        written.append(type.rawValue)
        write(id)
    }

    /// The end of a struct.
    package mutating func writeStop() {
        written.append(FieldType.stop.rawValue)
    }

    package mutating func writeBool(_ value: Bool) {
        written.append(value ? 1 : 0)
    }

    package mutating func writeByte(_ value: UInt8) {
        written.append(value)
    }

    package mutating func writeInt16(_ value: Int16) {
        write(value)
    }

    package mutating func writeInt32(_ value: Int32) {
        write(value)
    }

    package mutating func writeInt64(_ value: Int64) {
        write(value)
    }

    package mutating func writeDouble(_ value: Double) {
        write(value.bitPattern)
    }

    package mutating func writeString(_ value: String) {
        write(Int32(value.utf8.count))
        written.append(contentsOf: value.utf8)
    }

    package mutating func writeBytes(_ value: ByteSlice) {
        write(Int32(value.count))
        value.withBytes { span in
            span.withUnsafeBytes { written.append(contentsOf: $0) }
        }
    }

    package mutating func writeBytes(_ value: [UInt8]) {
        write(Int32(value.count))
        written.append(contentsOf: value)
    }

    /// Appends what another writer has written.
    package mutating func append(_ others: [UInt8]) {
        written.append(contentsOf: others)
    }

    /// Appends what another writer has written. The first large piece is kept rather than copied.
    package mutating func append(_ others: ByteSlice) {
        if adopted == nil && others.count >= Self.adoptedFrom {
            adopted = (others, written.count)
        } else {
            copy(others)
        }
    }

    private mutating func copy(_ others: ByteSlice) {
        others.withBytes { span in
            span.withUnsafeBytes { written.append(contentsOf: $0) }
        }
    }

    /// The head of a list or set; `count` elements follow.
    package mutating func writeListHeader(of element: FieldType, count: Int) {
        written.append(element.rawValue)
        write(Int32(count))
    }

    /// The head of a map; `count` keys, each with its value behind it, follow.
    package mutating func writeMapHeader(from key: FieldType, to value: FieldType, count: Int) {
        written.append(key.rawValue)
        written.append(value.rawValue)
        write(Int32(count))
    }

    private mutating func write<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { written.append(contentsOf: $0) }
    }
}
