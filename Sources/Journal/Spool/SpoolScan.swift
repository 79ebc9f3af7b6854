import Glibc
import SystemCalls

/// Finds entries in the bytes of a database and its WAL, whatever else is damaged there, and beside a process that writes to them.
///
/// SQLite follows pointers from page to page, and one that is damaged hides all it leads to. So each page is searched for bytes that
/// look like a row, and a row's own checksum says whether it is one. That finds rows that were deleted as well; those are told by
/// the marks, which say up to which entry all are forgotten.
struct SpoolScan: ~Copyable {
    private struct Location {
        let isInWAL: Bool
        /// Where the page begins in its file.
        let page: Int
        /// Where the row's header begins in its page.
        let row: Int
    }

    private let file: SpoolFile
    /// Where the last image of a page in the WAL begins, by the page's number.
    private var walPages: [UInt32: Int] = [:]
    private var found: [Int64: Location] = [:]
    /// The numbers of rows that are in the last images of pages, and are none.
    private var unreadableNumbers: Set<Int64> = []
    /// Whether anything was found that this program has written.
    var isEmpty: Bool { found.isEmpty && forgotten == SpoolDatabase.marks.upperBound }
    /// Whether SQLite finds all that was written into the WAL.
    private(set) var isWALWhole = true
    /// The number before the oldest entry that is not in the journal, as the marks say.
    private(set) var forgotten = SpoolDatabase.marks.upperBound

    init(_ file: SpoolFile) {
        self.file = file
    }

    /// The number of the newest entry; 0 where there is none.
    var newest: Int64 { found.keys.max() ?? 0 }

    /// Entries after the newest one that are damaged, as far as their numbers are not.
    var unreadable: Int {
        let newest = max(newest, forgotten)
        // A number that is damaged itself is any number.
        return unreadableNumbers.count { $0 > newest && $0 <= newest + Self.plausibleDistance }
    }

    /// More than one commit appends.
    private static let plausibleDistance: Int64 = 1 << 16

    /// The numbers of the entries after `number`, in order.
    func numbers(after number: Int64) -> [Int64] { found.keys.filter { $0 > number }.sorted() }

    /// Searches the WAL and then the database, into which a process that has it open moves entries meanwhile.
    mutating func readAll() throws(SystemError) {
        try readWAL()
        var offset = 0
        while let page = try file.bytes(at: offset, count: SpoolDatabase.pageSize, inWAL: false) {
            let number = UInt32(truncatingIfNeeded: offset / SpoolDatabase.pageSize + 1)
            try search(page, number, at: offset, isInWAL: false, isLast: walPages[number] == nil)
            offset += SpoolDatabase.pageSize
        }
    }

    /// Searches the frames of the WAL that were written since it began anew (sqlite.org/walformat.html), those that SQLite would not
    /// recover among them.
    mutating func readWAL() throws(SystemError) {
        if file.walSize == 0 { try file.openWAL() }
        let (headerLength, frameHeaderLength) = (32, 24)
        guard let header = try file.bytes(at: 0, count: headerLength, inWAL: true) else { return }
        var chain = WALChecksum(header)
        // Where the header is damaged, the first frame tells which frames belong to it.
        var salt = chain == nil ? nil : Array(header[16..<24])
        var frames: [(page: UInt32, offset: Int)] = []
        var offset = headerLength
        while let frame = try file.bytes(at: offset, count: frameHeaderLength, inWAL: true),
            let page = try file.bytes(at: offset + frameHeaderLength, count: SpoolDatabase.pageSize, inWAL: true)
        {
            salt = salt ?? Array(frame[8..<16])
            // Two numbers, of which no other WAL's frame has one: a frame whose salt is damaged is not passed over.
            if frame[8..<12] == salt![..<4] || frame[12..<16] == salt![4...] {
                frames.append((bigEndian(frame, 0, count: 4), offset + frameHeaderLength))
                if frame[8..<16] != salt![...] || chain?.continues(with: frame, page) != true { isWALWhole = false }
            }
            offset += frameHeaderLength + SpoolDatabase.pageSize
        }
        for (number, offset) in frames { walPages[number] = offset }
        for (number, offset) in frames {
            guard let page = try file.bytes(at: offset, count: SpoolDatabase.pageSize, inWAL: true) else { continue }
            try search(page, number, at: offset, isInWAL: true, isLast: walPages[number] == offset)
        }
    }

    /// The entry of this number; nil where it is not there any more.
    func entry(_ number: Int64) throws(SystemError) -> SpooledEntry? {
        guard let location = found[number],
            let page = try file.bytes(at: location.page, count: SpoolDatabase.pageSize, inWAL: location.isInWAL)
        else { return nil }
        return try entry(in: page, location.row)
    }

    /// - Parameter isLast: Whether there is no newer image of the page.
    private mutating func search(
        _ page: [UInt8], _ number: UInt32, at offset: Int, isInWAL: Bool, isLast: Bool
    ) throws(SystemError) {
        for row in 0..<page.count - 1 where page[row + 1] == 0 && SpoolRow.headerLengths.contains(page[row]) {
            guard let entry = try entry(in: page, row) else { continue }
            if SpoolDatabase.marks.contains(entry.number) {
                forgotten = max(forgotten, Int64(clamping: entry.received))
            } else {
                found[entry.number] = Location(isInWAL: isInWAL, page: offset, row: row)
            }
        }
        // The first page is the schema's.
        guard isLast && number != 1 else { return }
        for number in SpoolRow.numbers(in: page) where found[number] == nil { unreadableNumbers.insert(number) }
    }

    /// The entry whose row's header begins there; nil where none does.
    private func entry(in page: [UInt8], _ header: Int) throws(SystemError) -> SpooledEntry? {
        guard let row = SpoolRow(page, header: header) else { return nil }
        var payload = Array(page[header..<header + row.localLength])
        var link = header + row.localLength
        var page = page
        while payload.count < row.length {
            // What does not fit lies on a chain of pages, each of which begins with the next one's number.
            guard let next = try image(of: bigEndian(page, link, count: 4)) else { return nil }
            payload += next[4..<min(4 + row.length - payload.count, next.count)]
            (page, link) = (next, 0)
        }
        let received = UInt64(bitPattern: row.received)
        let body = Array(payload[row.bodyOffset...])
        let checksum = SpooledEntry.checksum(
            salt: file.salt, number: row.number, received: received, body: body.span.bytes)
        return checksum == row.checksum ? SpooledEntry(number: row.number, received: received, body: body) : nil
    }

    private func image(of number: UInt32) throws(SystemError) -> [UInt8]? {
        guard number > 0 else { return nil }
        if let offset = walPages[number] {
            return try file.bytes(at: offset, count: SpoolDatabase.pageSize, inWAL: true)
        }
        return try file.bytes(at: Int(number - 1) * SpoolDatabase.pageSize, count: SpoolDatabase.pageSize, inWAL: false)
    }
}

/// The checksum of a WAL, which goes on from frame to frame (sqlite.org/walformat.html, “Checksum Algorithm”).
private struct WALChecksum {
    private var sums: (UInt32, UInt32) = (0, 0)
    private let isBigEndian: Bool

    /// Nil where the WAL's header is damaged.
    init?(_ header: [UInt8]) {
        let magic: UInt32 = bigEndian(header, 0, count: 4)
        guard magic & ~1 == 0x377F_0682 else { return nil }
        isBigEndian = magic & 1 == 1
        add(header[..<24])
        guard matches(header[24...]) else { return nil }
    }

    /// Whether a frame follows the one before it.
    mutating func continues(with header: [UInt8], _ page: [UInt8]) -> Bool {
        add(header[..<8])
        add(page[...])
        return matches(header[16...])
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                let words = [offset, offset + 4].map { offset in
                    let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    return isBigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
                }
                sums.0 &+= words[0] &+ sums.1
                sums.1 &+= words[1] &+ sums.0
            }
        }
    }

    private func matches(_ bytes: ArraySlice<UInt8>) -> Bool {
        let stored = Array(bytes)
        return sums.0 == bigEndian(stored, 0, count: 4) && sums.1 == bigEndian(stored, 4, count: 4)
    }
}
