import CLinux
import Glibc

/// Where a JSON value stands in its text, and what it is.
package struct JSONValue: Sendable, Equatable {
    package enum Kind: Sendable {
        case string
        /// A number, `true`, `false` or `null`.
        case scalar
        case object
        case array
    }

    package let kind: Kind
    /// Whether a string holds backslashes, so that its bytes are not yet its value.
    package let hasEscapes: Bool
    /// The value's bytes; of a string what stands between the quotes.
    package let range: Range<Int>

    init(kind: Kind, hasEscapes: Bool = false, range: Range<Int>) {
        self.kind = kind
        self.hasEscapes = hasEscapes
        self.range = range
    }

    /// Whether the value's bytes, escapes and all, are those of `text`.
    package func isSpelled(_ text: StaticString, in bytes: RawSpan) -> Bool {
        range.count == text.utf8CodeUnitCount
            && bytes.extracting(range).withUnsafeBytes {
                $0.isEmpty || memcmp($0.baseAddress!, text.utf8Start, $0.count) == 0
            }
    }

    /// Whether an array or object has nothing in it.
    package func isEmpty(in bytes: RawSpan) -> Bool {
        var scanner = JSONScanner(at: range.lowerBound + 1)
        return scanner.peek(in: bytes).map { $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: "}") } ?? true
    }

    /// Whether the value's bytes, escapes and all, contain those of `text`.
    package func contains(_ text: StaticString, in bytes: RawSpan) -> Bool {
        bytes.extracting(range).contains(text)
    }

    /// The value as text: a string's without escapes, any other value's as it is.
    func string(in text: RawSpan) -> String {
        var characters: [UInt8] = []
        forEachPiece(in: text) { piece in piece.withUnsafeBytes { characters.append(contentsOf: $0) } }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Calls `emit` with the value's bytes, piece by piece: a string's without escapes, any other value's as they are.
    ///
    /// An escape that JSON does not have stays as it is; half a surrogate pair becomes U+FFFD.
    package func forEachPiece(in text: RawSpan, _ emit: (RawSpan) -> Void) {
        let bytes = text.extracting(range)
        guard hasEscapes else { return emit(bytes) }
        var position = 0
        while position < bytes.byteCount {
            let start = position
            while position < bytes.byteCount, bytes.byte(at: position) != UInt8(ascii: "\\") { position += 1 }
            if position > start { emit(bytes.extracting(start..<position)) }
            guard position < bytes.byteCount else { return }
            position = Self.unescape(bytes, at: position, emit)
        }
    }

    /// Emits what the escape at `start` stands for, and tells where it ends.
    private static func unescape(_ bytes: RawSpan, at start: Int, _ emit: (RawSpan) -> Void) -> Int {
        guard start + 1 < bytes.byteCount else {
            emit(bytes.extracting(start..<bytes.byteCount))
            return bytes.byteCount
        }
        let simple: UInt8
        switch bytes.byte(at: start + 1) {
        case UInt8(ascii: "n"): simple = 0x0A
        case UInt8(ascii: "t"): simple = 0x09
        case UInt8(ascii: "r"): simple = 0x0D
        case UInt8(ascii: "b"): simple = 0x08
        case UInt8(ascii: "f"): simple = 0x0C
        case let byte where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/"):
            simple = byte
        case UInt8(ascii: "u"):
            return unescapeUnicode(bytes, at: start, emit)
        default:
            emit(bytes.extracting(start..<start + 2))
            return start + 2
        }
        emit(CollectionOfOne(simple).span.bytes)
        return start + 2
    }

    private static func unescapeUnicode(_ bytes: RawSpan, at start: Int, _ emit: (RawSpan) -> Void) -> Int {
        guard let first = codeUnit(bytes, at: start) else {
            emit(bytes.extracting(start..<start + 2))
            return start + 2
        }
        var units = [first]
        if UTF16.isLeadSurrogate(first), let second = codeUnit(bytes, at: start + 6), UTF16.isTrailSurrogate(second) {
            units.append(second)
        }
        emit(Array(String(decoding: units, as: UTF16.self).utf8).span.bytes)
        return start + 6 * units.count
    }

    /// The code unit of `\uXXXX` at `start`.
    private static func codeUnit(_ bytes: RawSpan, at start: Int) -> UInt16? {
        guard start + 6 <= bytes.byteCount, bytes.byte(at: start) == UInt8(ascii: "\\"),
            bytes.byte(at: start + 1) == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for offset in start + 2..<start + 6 {
            guard let digit = Character(UnicodeScalar(bytes.byte(at: offset))).hexDigitValue else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}

extension RawSpan {
    /// Whether the bytes of `text` are among these.
    package func contains(_ text: StaticString) -> Bool {
        withUnsafeBytes { bytes in
            !bytes.isEmpty && memmem(bytes.baseAddress!, bytes.count, text.utf8Start, text.utf8CodeUnitCount) != nil
        }
    }
}
