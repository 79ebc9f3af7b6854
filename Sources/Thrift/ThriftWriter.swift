/// Writes values in the binary protocol, into memory that can be used again.
package struct ThriftWriter {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Forgets what was written; the memory is kept for the next message, unless it is much.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptCapacity)
    }

    private static let keptCapacity = 64 << 10

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
        let start = bytes.count
        append(call[0..<header.body])
        bytes[start + 3] = MessageKind.reply.rawValue
    }

    /// The head of a field; its value follows.
    package mutating func writeField(_ id: Int16, _ type: FieldType) {
        bytes.append(type.rawValue)
        write(id)
    }

    /// The end of a struct.
    package mutating func writeStop() {
        bytes.append(FieldType.stop.rawValue)
    }

    package mutating func writeBool(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    package mutating func writeByte(_ value: UInt8) {
        bytes.append(value)
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
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func writeBytes(_ value: ByteSlice) {
        write(Int32(value.count))
        value.withBytes { span in
            span.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    package mutating func writeBytes(_ value: [UInt8]) {
        write(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends what another writer has written.
    package mutating func append(_ written: [UInt8]) {
        bytes.append(contentsOf: written)
    }

    /// Appends what another writer has written.
    package mutating func append(_ written: ByteSlice) {
        written.withBytes { span in
            span.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    /// The head of a list or set; `count` elements follow.
    package mutating func writeListHeader(of element: FieldType, count: Int) {
        bytes.append(element.rawValue)
        write(Int32(count))
    }

    /// The head of a map; `count` keys, each with its value behind it, follow.
    package mutating func writeMapHeader(from key: FieldType, to value: FieldType, count: Int) {
        bytes.append(key.rawValue)
        bytes.append(value.rawValue)
        write(Int32(count))
    }

    private mutating func write<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
