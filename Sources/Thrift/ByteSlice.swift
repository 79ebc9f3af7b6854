import Glibc

/// Bytes within a ``ByteBuffer``, kept alive by the slice: a string of a message, without a copy.
package struct ByteSlice: Sendable {
    let buffer: ByteBuffer
    /// Where the bytes stand in the buffer.
    package let range: Range<Int>

    init(buffer: ByteBuffer, range: Range<Int>) {
        self.buffer = buffer
        self.range = range
    }

    /// A slice over a copy of `bytes`.
    package init(_ bytes: some Collection<UInt8>) {
        self = ByteBuffer(bytes)[0..<bytes.count]
    }

    package init(_ text: String) {
        self.init(text.utf8)
    }

    /// No bytes.
    package static let empty = ByteSlice([])

    package var count: Int { range.count }
    package var isEmpty: Bool { range.isEmpty }

    private var start: UnsafeMutableRawPointer { buffer.base + range.lowerBound }

    /// The part of this slice at `part`, counted from the slice's beginning.
    package subscript(part: Range<Int>) -> ByteSlice {
        precondition(part.lowerBound >= 0 && part.upperBound <= count)
        let lower = range.lowerBound + part.lowerBound
        return ByteSlice(buffer: buffer, range: lower..<lower + part.count)
    }

    package func withBytes<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: start, count: count).bytes)
    }

    /// The integer at `offset`, from network byte order; the caller has checked that it is within the slice.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type = T.self) -> T {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count)
        return T(bigEndian: start.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The bytes read as UTF-8; what is no UTF-8 becomes U+FFFD.
    package var string: String {
        withBytes { bytes in
            bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
    }

    package static func == (slice: ByteSlice, text: StaticString) -> Bool {
        slice.count == text.utf8CodeUnitCount && memcmp(slice.start, text.utf8Start, slice.count) == 0
    }

    package static func == (slice: ByteSlice, text: String) -> Bool {
        var text = text
        return text.withUTF8 { text in
            slice.count == text.count && (text.isEmpty || memcmp(slice.start, text.baseAddress!, text.count) == 0)
        }
    }

    /// Calls `body` with `prefix` and the bytes of this slice behind it, in one piece.
    ///
    /// Where the buffer has room before the slice the prefix is put there for as long as `body` runs, and what stood there is
    /// put back: a message of many megabytes is not copied. **Nobody else may read the buffer meanwhile**, which holds for the
    /// one plugin call that a message is handed to.
    package func withPrefix(_ prefix: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        let length = prefix.utf8CodeUnitCount
        guard range.lowerBound >= length else {
            return withUnsafeTemporaryAllocation(byteCount: length + count, alignment: 1) { field in
                memcpy(field.baseAddress!, prefix.utf8Start, length)
                memcpy(field.baseAddress! + length, start, count)
                body(UnsafeRawBufferPointer(field))
            }
        }
        let field = start - length
        withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { saved in
            memcpy(saved.baseAddress!, field, length)
            memcpy(field, prefix.utf8Start, length)
            body(UnsafeRawBufferPointer(start: field, count: length + count))
            memcpy(field, saved.baseAddress!, length)
        }
    }
}
