/// A row of the table `entries` as it is in a page (sqlite.org/fileformat2.html: B-tree Pages, Record Format).
struct SpoolRow {
    /// What a page of the table begins with where it holds rows.
    static let leafPage: UInt8 = 0x0D
    /// How long a row's header can be: its own length, three numbers' types of a byte each, and the body's, which tells its length.
    static let headerLengths: ClosedRange<UInt8> = 5...13

    let number: Int64
    let received: Int64
    let checksum: Int64
    /// Bytes of the row, header included.
    let length: Int
    /// How many of them are in its page, after which the number of the page with the next ones follows.
    let localLength: Int
    /// Where the body begins in them.
    let bodyOffset: Int

    /// Reads a row; nil where there is none.
    init?(_ page: [UInt8], header: Int) {
        let start = page[header...]
        let headerEnd = header + Int(page[header])
        // The number is not in the row but before it.
        guard Self.headerLengths.contains(page[header]), headerEnd <= page.count, start.dropFirst().first == 0,
            let number = Self.integer(in: page, before: header),
            let bodyType = Self.integer(in: page, at: header + 4), header + 4 + bodyType.size == headerEnd,
            bodyType.value >= 12, bodyType.value % 2 == 0,
            let receivedSize = Self.size(ofType: page[header + 2]),
            let checksumSize = Self.size(ofType: page[header + 3])
        else { return nil }
        let bodyLength = Int(bodyType.value - 12) / 2
        bodyOffset = headerEnd - header + receivedSize + checksumSize
        length = bodyOffset + bodyLength
        self.number = Int64(number.value)
        // Before that is the length. What is before the length may be any byte, so its end does not tell its beginning.
        guard Self.ends(page[..<(header - number.size)], with: UInt64(length)) else { return nil }
        // fileformat2.html, “Cell Payload Overflow Pages”, with U = 4096 and no reserved bytes.
        let usable = page.count
        let mostLocal = usable - 35
        let leastLocal = (usable - 12) * 32 / 255 - 23
        let atOnce = leastLocal + (length - leastLocal) % (usable - 4)
        localLength = length <= mostLocal ? length : atOnce <= mostLocal ? atOnce : leastLocal
        guard header + localLength + (localLength < length ? 4 : 0) <= page.count, localLength >= bodyOffset else {
            return nil
        }
        received = Self.number(page, headerEnd, type: page[header + 2])
        checksum = Self.number(page, headerEnd + receivedSize, type: page[header + 3])
    }

    /// The numbers of the rows that a page says it has, damaged ones among them; none where the page holds no rows.
    static func numbers(in page: [UInt8]) -> [Int64] {
        guard page[0] == leafPage else { return [] }
        let count: Int = bigEndian(page, 3, count: 2)
        let pointers = (0..<count).map { 8 + 2 * $0 }.filter { $0 + 2 <= page.count }
        return pointers.compactMap { pointer in
            let cell: Int = bigEndian(page, pointer, count: 2)
            guard let length = integer(in: page, at: cell), let number = integer(in: page, at: cell + length.size)
            else {
                return nil
            }
            return Int64(number.value)
        }
    }

    /// Bytes of a number of a type; nil where it is no number's.
    private static func size(ofType type: UInt8) -> Int? {
        switch type {
        case 1...4: Int(type)
        case 5: 6
        case 6: 8
        case 8, 9: 0
        default: nil
        }
    }

    private static func number(_ page: [UInt8], _ offset: Int, type: UInt8) -> Int64 {
        guard let size = size(ofType: type), size > 0 else { return type == 9 ? 1 : 0 }
        let bits = UInt64(64 - 8 * size)
        return Int64(bitPattern: page[offset..<offset + size].reduce(0) { $0 << 8 | UInt64($1) } << bits) >> bits
    }

    private typealias VariableLength = (value: UInt64, size: Int)

    /// The number of variable length that begins at `offset`. None here needs its ninth byte.
    private static func integer(in page: [UInt8], at offset: Int) -> VariableLength? {
        var value: UInt64 = 0
        for size in 1...8 where offset + size <= page.count {
            let byte = page[offset + size - 1]
            value = value << 7 | UInt64(byte & 0x7F)
            if byte < 0x80 { return (value, size) }
        }
        return nil
    }

    private static func ends(_ bytes: ArraySlice<UInt8>, with value: UInt64) -> Bool {
        var encoded = [UInt8(value & 0x7F)]
        var rest = value >> 7
        while rest > 0 {
            encoded.insert(UInt8(rest & 0x7F) | 0x80, at: 0)
            rest >>= 7
        }
        return bytes.suffix(encoded.count) == encoded[...]
    }

    /// The one that ends before `end`, after a byte below 0x80: its last byte is the only one below 0x80.
    private static func integer(in page: [UInt8], before end: Int) -> VariableLength? {
        guard end > 0, page[end - 1] < 0x80 else { return nil }
        var start = end - 1
        while start > 0, page[start - 1] >= 0x80, end - start < 8 { start -= 1 }
        return integer(in: page, at: start)
    }
}

/// The number of up to 8 bytes at `offset`, the most significant byte first.
func bigEndian<Integer: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, count: Int) -> Integer {
    bytes[offset..<offset + count].reduce(0) { $0 << 8 | Integer($1) }
}
