import CSystemd
import Glibc

/// The name of a stream: all entries of one process that carry osqueryd's logs.
struct StreamID: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    /// A new one.
    static func random() -> StreamID { StreamID(high: .random(in: .min ... .max), low: .random(in: .min ... .max)) }

    init(high: UInt64, low: UInt64) {
        (self.high, self.low) = (high, low)
    }

    /// Reads 32 hexadecimal digits.
    init?(_ text: Substring) {
        guard text.utf8.count == 32, let high = parseHexadecimal(text.prefix(16)),
            let low = parseHexadecimal(text.suffix(16))
        else { return nil }
        self.init(high: high, low: low)
    }

    /// An identifier of libsystemd's (sd-id128(3)).
    init(_ id: sd_id128_t) {
        let words = withUnsafeBytes(of: id) { bytes in
            [0, 8].map { UInt64(bigEndian: bytes.load(fromByteOffset: $0, as: UInt64.self)) }
        }
        self.init(high: words[0], low: words[1])
    }

    /// 32 hexadecimal digits.
    var text: String { hexadecimal(high) + hexadecimal(low) }
}

/// What tells an entry from all others: its stream, and its place there.
struct EntryID: Hashable, Sendable {
    static let streamField: StaticString = "OSQUERY_STREAM"
    static let sequenceField: StaticString = "OSQUERY_SEQUENCE"

    let stream: StreamID
    /// 1 for a stream's first entry.
    let sequence: UInt64
}

/// The fields that number a stream's entries, of the next one. Kept as text: to count on in it is cheaper than to write it anew.
struct EntryNumber: ~Copyable {
    private static let maximumDigits = 20

    /// Nil where entries are not numbered: there are no fields then.
    let stream: StreamID?
    /// The last entry's; 0 before the first.
    private(set) var last: UInt64 = 0
    private let memory: UnsafeMutableRawPointer
    private let digitsStart: Int
    private var digitCount = 1

    init(_ stream: StreamID?) {
        self.stream = stream
        let start = stream.map { Array("\(EntryID.streamField)=\($0.text)\n\(EntryID.sequenceField)=".utf8) } ?? []
        digitsStart = start.count
        memory = .allocate(byteCount: start.count + Self.maximumDigits + 1, alignment: 1)
        memory.copyMemory(from: start, byteCount: start.count)
        memory.storeBytes(of: UInt8(ascii: "1"), toByteOffset: digitsStart, as: UInt8.self)
        memory.storeBytes(of: 0x0A, toByteOffset: digitsStart + 1, as: UInt8.self)
    }

    deinit {
        memory.deallocate()
    }

    /// The fields of the next entry, in journald's native protocol.
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory, count: stream == nil ? 0 : digitsStart + digitCount + 1)
    }

    /// Goes on to the next entry.
    mutating func advance() {
        last += 1
        let digits = memory + digitsStart
        for index in (0..<digitCount).reversed() {
            let digit = digits.load(fromByteOffset: index, as: UInt8.self)
            if digit < UInt8(ascii: "9") {
                return digits.storeBytes(of: digit + 1, toByteOffset: index, as: UInt8.self)
            }
            digits.storeBytes(of: UInt8(ascii: "0"), toByteOffset: index, as: UInt8.self)
        }
        // 99 becomes 100.
        digits.storeBytes(of: UInt8(ascii: "1"), toByteOffset: 0, as: UInt8.self)
        digits.storeBytes(of: UInt8(ascii: "0"), toByteOffset: digitCount, as: UInt8.self)
        digits.storeBytes(of: 0x0A, toByteOffset: digitCount + 1, as: UInt8.self)
        digitCount += 1
    }
}
