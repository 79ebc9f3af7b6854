import Glibc
import SystemCalls

/// Finds entries in the bytes of a database and its WAL, whatever else is damaged there, and beside a process that writes to them.
///
/// SQLite follows pointers from page to page, and one that is damaged hides all it leads to. So each page is searched for bytes that
/// look like a row, and a row's own checksum says whether it is one. That finds rows that were deleted as well; those are told by
/// the marks, which say up to which entry all are forgotten.
struct SpoolScan: ~Copyable {
    /// A page in one of the two files.
    private struct Image: Hashable {
        let isInWAL: Bool
        let offset: Int
    }

    private struct Location {
        let image: Image
        /// Where the row's header begins in its page.
        let row: Int
    }

    /// Where the last image of a page in the WAL begins, by the page's number.
    private typealias WALPages = [UInt32: Int]

    private let file: SpoolFile
    /// What the WAL holds: all of it, and up to the last commit before anything in it is damaged. After that can be what a commit that
    /// failed has left, as well as what others have written.
    private var walPages: WALPages = [:]
    private var committedPages: WALPages = [:]
    private var found: [Int64: Location] = [:]
    /// Images that hold no rows, but parts of rows that were found.
    private var parts: Set<Image> = []
    /// How many pages may yet be read for bytes that look like a row and are none: there can be many in a value.
    private var patience = 0
    /// The numbers of rows that are in the last images of pages, and are none.
    private var unreadableNumbers: Set<Int64> = []
    /// The number before the oldest entry that is not in the journal, as the marks say.
    private(set) var forgotten = SpoolDatabase.marks.upperBound

    init(_ file: SpoolFile) {
        self.file = file
    }

    /// Whether anything was found that this program has written.
    var isEmpty: Bool { found.isEmpty && forgotten == SpoolDatabase.marks.upperBound }

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

    /// The entry of this number; nil where it is not there any more.
    mutating func entry(_ number: Int64) throws(SystemError) -> SpooledEntry? {
        patience = .max
        guard let location = found[number], let page = try page(location.image) else { return nil }
        // Entries of one size lie at the same places in their pages: there may be another one by now.
        return try entry(in: page, location.row).flatMap { $0.entry.number == number ? $0.entry : nil }
    }

    // MARK: - The WAL

    /// Whether SQLite finds all that was written into the WAL since it began anew.
    static func isWALWhole(of file: SpoolFile) throws(SystemError) -> Bool {
        let frames = try SpoolScan(file).frames()
        return frames.allSatisfy { $0.isChained }
    }

    private struct Frame {
        let page: UInt32
        let offset: Int
        /// Whether its checksum is right, and those of all before it.
        let isChained: Bool
        let isCommit: Bool
    }

    /// The frames that were written since the WAL began anew (sqlite.org/walformat.html), those that SQLite would not recover among
    /// them.
    private func frames() throws(SystemError) -> [Frame] {
        if file.walSize == 0 { try file.openWAL() }
        let (headerLength, frameHeaderLength) = (32, 24)
        guard let header = try file.bytes(at: 0, count: headerLength, inWAL: true) else { return [] }
        var chain = WALChecksum(header)
        // Where the header is damaged, the first frame tells which frames belong to it.
        var salt = chain == nil ? nil : Array(header[16..<24])
        var isChained = chain != nil
        var frames: [Frame] = []
        var offset = headerLength
        while let frame = try file.bytes(at: offset, count: frameHeaderLength, inWAL: true),
            let page = try file.bytes(at: offset + frameHeaderLength, count: SpoolDatabase.pageSize, inWAL: true)
        {
            let known = salt ?? Array(frame[8..<16])
            salt = known
            offset += frameHeaderLength
            // Two numbers, of which no other WAL's frame has one: a frame whose salt is damaged is not passed over.
            if frame[8..<12] == known[..<4] || frame[12..<16] == known[4...] {
                isChained = isChained && frame[8..<16] == known[...] && chain?.continues(with: frame, page) == true
                let size: UInt32 = bigEndian(frame, 4, count: 4)
                frames.append(
                    Frame(page: bigEndian(frame, 0, count: 4), offset: offset, isChained: isChained, isCommit: size > 0)
                )
            }
            offset += SpoolDatabase.pageSize
        }
        return frames
    }

    // MARK: - Searching

    /// Searches the WAL and then the database, into which a process that has it open moves entries meanwhile.
    mutating func readAll() throws(SystemError) {
        let frames = try frames()
        for frame in frames { walPages[frame.page] = frame.offset }
        let committed = frames.lastIndex { $0.isChained && $0.isCommit }
        for frame in frames.prefix((committed ?? -1) + 1) { committedPages[frame.page] = frame.offset }
        patience = 4 * (file.size / SpoolDatabase.pageSize) + 1000

        // First the pages that say they hold rows: of the others most are then known to be parts of those.
        var others: [(image: Image, page: UInt32)] = []
        for frame in frames {
            let image = Image(isInWAL: true, offset: frame.offset)
            if try !search(image, frame.page, ifLeaf: true) { others.append((image, frame.page)) }
        }
        var offset = 0
        while true {
            let image = Image(isInWAL: false, offset: offset)
            let number = UInt32(truncatingIfNeeded: offset / SpoolDatabase.pageSize + 1)
            guard let isSearched = try searchIfThere(image, number) else { break }
            if !isSearched { others.append((image, number)) }
            offset += SpoolDatabase.pageSize
        }
        for (image, number) in others where !parts.contains(image) { _ = try search(image, number, ifLeaf: false) }
    }

    /// Whether a page of the database was searched as one of rows; nil where the database ends.
    private mutating func searchIfThere(_ image: Image, _ number: UInt32) throws(SystemError) -> Bool? {
        image.offset < file.database.size ? try search(image, number, ifLeaf: true) : nil
    }

    /// - Parameter isLeafOnly: Whether to search it only if it says that it holds rows.
    /// - Returns: Whether it was searched.
    private mutating func search(_ image: Image, _ number: UInt32, ifLeaf isLeafOnly: Bool) throws(SystemError) -> Bool
    {
        guard let page = try page(image) else { return true }
        if isLeafOnly && page[0] != SpoolRow.leafPage { return false }
        for row in 0..<page.count - 1 where page[row + 1] == 0 && SpoolRow.headerLengths.contains(page[row]) {
            guard let (entry, parts) = try entry(in: page, row) else { continue }
            self.parts.formUnion(parts)
            if SpoolDatabase.marks.contains(entry.number) {
                forgotten = max(forgotten, Int64(clamping: entry.received))
            } else {
                found[entry.number] = Location(image: image, row: row)
            }
        }
        // The first page is the schema's.
        if number != 1 && (image.isInWAL ? walPages[number] == image.offset : walPages[number] == nil) {
            for number in SpoolRow.numbers(in: page) where found[number] == nil { unreadableNumbers.insert(number) }
        }
        return true
    }

    /// The entry whose row's header begins there, and the pages that hold parts of it; nil where none does.
    private mutating func entry(
        in page: [UInt8], _ header: Int
    ) throws(SystemError) -> (entry: SpooledEntry, parts: [Image])? {
        guard let row = SpoolRow(page, header: header), row.length <= file.size else { return nil }
        if row.localLength == row.length {
            return checked(row, Array(page[header..<header + row.length])).map { ($0, []) }
        }
        guard patience > 0 else { return nil }
        // Of a page that is in several places, what was committed comes first, and the row's checksum decides.
        for pages in [committedPages, walPages, [:]] {
            var payload = Array(page[header..<header + row.localLength])
            var next: UInt32 = bigEndian(page, header + row.localLength, count: 4)
            var parts: [Image] = []
            // What does not fit lies on a chain of pages, each of which begins with the next one's number.
            while payload.count < row.length, next > 0 {
                let image =
                    pages[next].map { Image(isInWAL: true, offset: $0) }
                    ?? Image(isInWAL: false, offset: Int(next - 1) * SpoolDatabase.pageSize)
                guard let part = try self.page(image) else { break }
                payload += part[4..<min(4 + row.length - payload.count, part.count)]
                next = bigEndian(part, 0, count: 4)
                parts.append(image)
            }
            if payload.count == row.length, let entry = checked(row, payload) { return (entry, parts) }
            patience -= parts.count
        }
        return nil
    }

    /// The row's entry, if its checksum is right.
    private func checked(_ row: SpoolRow, _ payload: [UInt8]) -> SpooledEntry? {
        let received = UInt64(bitPattern: row.received)
        let body = Array(payload[row.bodyOffset...])
        let checksum = SpooledEntry.checksum(
            salt: file.salt, number: row.number, received: received, body: body.span.bytes)
        return checksum == row.checksum ? SpooledEntry(number: row.number, received: received, body: body) : nil
    }

    private func page(_ image: Image) throws(SystemError) -> [UInt8]? {
        try file.bytes(at: image.offset, count: SpoolDatabase.pageSize, inWAL: image.isInWAL)
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
