import Glibc
import SystemCalls

/// Reads the spool's entries in order, and remembers on disk which have been replayed.
///
/// What is torn or damaged is passed over up to the next whole entry, and set aside in a file of its own.
struct SpoolReader: ~Copyable {
    enum Step {
        case entry(number: UInt64, body: [UInt8])
        /// Bytes that are no entry, and where they were put.
        case damaged(bytes: Int, file: String)
        /// Nothing is there to be read.
        case caughtUp
    }

    /// Replayed entries after which what has been replayed is made to survive a power cut.
    private static let batch: UInt64 = 64
    static let positionFile = "replayed"

    private let spool: Spool
    private var segment: SpoolSegment?
    private var offset = 0
    private var position: Int32 = -1
    /// The number of the entry replayed last.
    private var replayed: UInt64 = 0
    private var unsynced: UInt64 = 0

    init(_ spool: Spool) {
        self.spool = spool
    }

    deinit {
        if position >= 0 {
            fdatasync(position)
            close(position)
        }
    }

    /// Reads what an earlier process replayed last.
    mutating func open() throws(SystemError) {
        guard position < 0 else { return }
        position = try spool.openFile(Self.positionFile, O_RDWR | O_CREAT)
        var digits = [UInt8](repeating: 0, count: 16)
        if pread(position, &digits, digits.count, 0) == digits.count {
            replayed = UInt64(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
        }
        spool.beginNumbers(after: replayed)
    }

    /// The next entry that has not been replayed. A segment that has no more is removed.
    mutating func next() throws(SystemError) -> Step {
        while let (oldest, size) = spool.oldest() {
            if segment !== oldest {
                segment = oldest
                offset = 0
            }
            if offset >= size {
                flush()
                if spool.removeOldest(ifRead: offset) { segment = nil }
                continue
            }
            switch try read(oldest, size) {
            case .entry(let number, _) where number <= replayed: continue
            case let step: return step
            }
        }
        return .caughtUp
    }

    /// The entry is in the journal.
    mutating func finished(_ number: UInt64) {
        replayed = number
        let digits = Array(SpoolEntry.hexadecimal(number).utf8)
        pwrite(position, digits, digits.count, 0)
        unsynced += 1
        if unsynced >= Self.batch { flush() }
    }

    private mutating func flush() {
        if unsynced > 0 { fdatasync(position) }
        unsynced = 0
    }

    private mutating func read(_ segment: SpoolSegment, _ size: Int) throws(SystemError) -> Step {
        let headBytes = try segment.read(at: offset, count: min(SpoolEntry.headLength, size - offset))
        if let head = headBytes.withUnsafeBytes({ SpoolEntry.parseHead($0) }),
            head.length <= size - offset - SpoolEntry.headLength
        {
            let body = try segment.read(at: offset + SpoolEntry.headLength, count: head.length)
            if head.isOf(body) {
                offset += SpoolEntry.headLength + head.length
                return .entry(number: head.number, body: body)
            }
        }
        return try setAside(segment, size)
    }

    /// Passes over what is no whole entry, and copies it to a file.
    private mutating func setAside(_ segment: SpoolSegment, _ size: Int) throws(SystemError) -> Step {
        let rest = try segment.read(at: offset, count: size - offset)
        let length = rest.withUnsafeBytes { Self.distanceToEntry($0) }
        let name = "damaged-\(SpoolEntry.hexadecimal(segment.first))-\(offset)"
        let file = try spool.openFile(name, O_WRONLY | O_CREAT | O_TRUNC)
        defer { close(file) }
        guard write(file, rest, length) == length else { throw SystemError("set damaged bytes aside in", name) }
        offset += length
        return .damaged(bytes: length, file: "\(spool.path)/\(name)")
    }

    /// How far it is to the next head behind the first byte, or to the end.
    static func distanceToEntry(_ bytes: UnsafeRawBufferPointer) -> Int {
        var position = 1
        while position < bytes.count {
            guard let found = memchr(bytes.baseAddress! + position, Int32(UInt8(ascii: "_")), bytes.count - position)
            else { break }
            position = found - UnsafeMutableRawPointer(mutating: bytes.baseAddress!)
            if SpoolEntry.parseHead(UnsafeRawBufferPointer(rebasing: bytes[position...])) != nil { return position }
            position += 1
        }
        return bytes.count
    }
}
