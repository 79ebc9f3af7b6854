/// Reads the values of a message, one after the other.
///
/// Every length is checked against what is left before anything is done with it; strings are slices of the message.
package struct ThriftReader {
    private let bytes: ByteSlice
    /// The next byte to read, counted from the slice's beginning.
    package private(set) var offset: Int

    package init(_ bytes: ByteSlice, at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    package mutating func readBool() throws(ThriftError) -> Bool {
        try read(UInt8.self) != 0
    }

    package mutating func readByte() throws(ThriftError) -> UInt8 {
        try read()
    }

    package mutating func readInt16() throws(ThriftError) -> Int16 {
        try read()
    }

    package mutating func readInt32() throws(ThriftError) -> Int32 {
        try read()
    }

    package mutating func readInt64() throws(ThriftError) -> Int64 {
        try read()
    }

    package mutating func readDouble() throws(ThriftError) -> Double {
        Double(bitPattern: try read())
    }

    /// A string's bytes, UTF-8 or not.
    package mutating func readBytes() throws(ThriftError) -> ByteSlice {
        let length = try readLength()
        guard length <= bytes.count - offset else { throw .truncated }
        defer { offset += length }
        return bytes[offset..<offset + length]
    }

    /// A string, for places that hold text; what is no UTF-8 becomes U+FFFD.
    package mutating func readString() throws(ThriftError) -> String {
        try readBytes().string
    }

    /// Calls `body` for each field of a struct. `body` reads the value and answers true, or leaves it and answers false:
    /// fields that a reader does not know are skipped.
    package mutating func readStruct(
        _ body: (inout ThriftReader, Int16, FieldType) throws(ThriftError) -> Bool
    ) throws(ThriftError) {
        while true {
            let type = try FieldType(code: read())
            if type == .stop { return }
            let id: Int16 = try read()
            if try !body(&self, id, type) { try skip(type) }
        }
    }

    /// Calls `body`, which reads an element, as often as the list or set has elements.
    package mutating func readList(
        of element: FieldType, _ body: (inout ThriftReader) throws(ThriftError) -> Void
    ) throws(ThriftError) {
        let type: UInt8 = try read()
        let count = try readLength()
        try check(type, is: element, count)
        for _ in 0..<count { try body(&self) }
    }

    /// Calls `body`, which reads a key and a value, as often as the map has entries.
    package mutating func readMap(
        from key: FieldType, to value: FieldType, _ body: (inout ThriftReader) throws(ThriftError) -> Void
    ) throws(ThriftError) {
        let keyType: UInt8 = try read()
        let valueType: UInt8 = try read()
        let count = try readLength()
        try check(keyType, is: key, count)
        try check(valueType, is: value, count)
        for _ in 0..<count { try body(&self) }
    }

    /// Steps over a value, at any depth up to ``ThriftLimits/depth``.
    package mutating func skip(_ type: FieldType) throws(ThriftError) {
        var scanner = ValueScanner(type, at: offset)
        let isComplete = try bytes.withBytes { (span) throws(ThriftError) in try scanner.scan(span) }
        guard isComplete else { throw .truncated }
        offset = scanner.offset
    }

    private mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) throws(ThriftError) -> T
    {
        guard MemoryLayout<T>.size <= bytes.count - offset else { throw .truncated }
        defer { offset += MemoryLayout<T>.size }
        return bytes.integer(at: offset)
    }

    private mutating func readLength() throws(ThriftError) -> Int {
        let length: Int32 = try read()
        guard length >= 0 else { throw .negativeLength(length) }
        return Int(length)
    }

    private func check(_ code: UInt8, is expected: FieldType, _ count: Int) throws(ThriftError) {
        guard count > 0, code != expected.rawValue else { return }
        throw .unexpectedType(try FieldType(code: code), expected: expected)
    }
}
