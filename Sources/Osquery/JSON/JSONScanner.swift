import Glibc

/// Walks over JSON text without building anything: it tells where values are, and the bytes stay where they are.
///
/// It is for texts that osqueryd made. What it walks over it checks only as far as it must to know where a value ends.
struct JSONScanner {
    /// The next byte to look at.
    private(set) var position: Int

    init(at position: Int = 0) {
        self.position = position
    }

    /// Takes `expected`, after white space; false, and nothing taken but the white space, when something else is there.
    mutating func take(_ expected: UInt8, in bytes: RawSpan) -> Bool {
        guard peek(in: bytes) == expected else { return false }
        position += 1
        return true
    }

    /// The next byte that is not white space.
    mutating func peek(in bytes: RawSpan) -> UInt8? {
        while position < bytes.byteCount {
            let byte = bytes.byte(at: position)
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// Whether nothing but white space is left.
    mutating func isAtEnd(of bytes: RawSpan) -> Bool {
        peek(in: bytes) == nil
    }

    /// Takes the value that comes next; nil when none does, or it does not end.
    mutating func takeValue(in bytes: RawSpan) -> JSONValue? {
        guard let first = peek(in: bytes) else { return nil }
        let start = position
        switch first {
        case UInt8(ascii: "\""):
            position += 1
            guard let hasEscapes = skipString(in: bytes) else { return nil }
            return JSONValue(kind: .string, hasEscapes: hasEscapes, range: start + 1..<position - 1)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard skipContainer(in: bytes) else { return nil }
            return JSONValue(kind: first == UInt8(ascii: "{") ? .object : .array, range: start..<position)
        default:
            while position < bytes.byteCount, Self.isScalar(bytes.byte(at: position)) { position += 1 }
            return position > start ? JSONValue(kind: .scalar, range: start..<position) : nil
        }
    }

    /// From behind a string's first quote to behind its last; whether it holds escapes, or nil when it does not end.
    private mutating func skipString(in bytes: RawSpan) -> Bool? {
        var hasEscapes = false
        while true {
            position = bytes.firstQuoteOrBackslash(from: position)
            guard position < bytes.byteCount else { return nil }
            if bytes.byte(at: position) == UInt8(ascii: "\"") {
                position += 1
                return hasEscapes
            }
            hasEscapes = true
            position += 2
        }
    }

    /// Over an object or array, whatever is in it and however deep.
    private mutating func skipContainer(in bytes: RawSpan) -> Bool {
        var depth = 0
        while position < bytes.byteCount {
            let byte = bytes.byte(at: position)
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard skipString(in: bytes) != nil else { return false }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return true }
            default:
                break
            }
        }
        return false
    }

    /// What numbers, `true`, `false` and `null` are made of.
    private static func isScalar(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default:
            false
        }
    }
}

extension RawSpan {
    func byte(at offset: Int) -> UInt8 {
        unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// Where the next `"` or `\` is at or behind `start`, or the end: eight bytes at a time, and for long texts with the C library's
    /// own search, which is made of the processor's widest instructions.
    fileprivate func firstQuoteOrBackslash(from start: Int) -> Int {
        let near = Swift.min(start + Self.nearBytes, byteCount)
        var position = start
        while position + 8 <= near {
            let word = UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
            let hits = word.bytesEqual(to: 0x2222_2222_2222_2222) | word.bytesEqual(to: 0x5C5C_5C5C_5C5C_5C5C)
            if hits != 0 { return position + hits.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < byteCount {
            let end = Swift.min(position + Self.windowBytes, byteCount)
            let quote = first(UInt8(ascii: "\""), in: position..<end) ?? end
            if let backslash = first(UInt8(ascii: "\\"), in: position..<quote) { return backslash }
            if quote < end { return quote }
            position = end
        }
        return position
    }

    /// Most strings end within so many bytes.
    private static var nearBytes: Int { 32 }
    /// How far a quote is looked for before a backslash is: no text of many escapes is gone through again and again.
    private static var windowBytes: Int { 512 }

    private func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
        withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress,
                let found = memchr(base + range.lowerBound, Int32(byte), range.count)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}

extension UInt64 {
    /// The high bit of each byte that equals `pattern`'s; right up to and including the lowest such byte, which is what counts.
    fileprivate func bytesEqual(to pattern: UInt64) -> UInt64 {
        let difference = self ^ pattern
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }
}
