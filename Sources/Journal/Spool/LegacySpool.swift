import Glibc
import SystemCalls

/// The files in which version 0.1.0 kept entries: segments, and a file with the number of the entry that was replayed last.
///
/// An entry begins with a line of fixed length, `__CURSOR=tutorial-extension;i=…;l=…;c=…`, three numbers of 16 hexadecimal digits:
/// its own, the length of the body that follows, and the body's checksum. Where such a line is damaged nothing says where the next
/// one is (to search for it would find what a value says), so the rest of the file is lost.
final class LegacySpool: SpoolSource {
    private static let lockName = "lock"
    private static let positionName = "replayed"
    /// Its files that are no segments.
    static let otherNames = [positionName, "rewrite", "reserve", lockName]
    private static let headStart = Array("__CURSOR=tutorial-extension;i=".utf8)
    private static let headLength = headStart.count + 16 + 3 + 16 + 3 + 16 + 1

    private typealias Segment = (first: UInt64, size: Int)

    private let directory: SpoolDirectory
    private var lock: FileDescriptor?
    /// Oldest first: the number of each one's first entry, and its size.
    private var segments: [Segment] = []
    private var finished: [Segment] = []
    /// Where the next entry begins in the first segment.
    private var offset = 0
    /// The number of the entry before it.
    private var last: UInt64 = 0
    private(set) var forgotten: Int64 = 0
    var salt: UInt64? { nil }
    private(set) var size = 0
    /// Entries that cannot be read, as far as their numbers tell.
    private(set) var lost = 0
    var path: String { "\(directory.path)/spool-….export" }
    var setAsidePath: String { "\(directory.path)/\(SpoolFile.setAsidePrefix)spool-….export" }
    private var damagedSegments: Set<UInt64> = []

    /// Takes over what there is; nil where there is nothing.
    ///
    /// - Parameter isShared: Whether it is only to be read, whoever uses it.
    /// - Throws: EWOULDBLOCK where a process of version 0.1.0 uses it.
    init?(in directory: SpoolDirectory, isShared: Bool = false) throws(SystemError) {
        let firsts = try directory.names().compactMap(Self.firstNumber(ofSegment:)).sorted()
        guard !firsts.isEmpty else { return nil }
        self.directory = directory
        if !isShared {
            let lock = try directory.open(Self.lockName, O_RDWR | O_CREAT)
            guard flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                throw SystemError("lock", "\(directory.path)/\(Self.lockName)")
            }
            self.lock = consume lock
        }
        forgotten = try directory.readNumber(Self.positionName)
        for first in firsts {
            do throws(SystemError) {
                let file = try directory.open(Self.name(first), O_RDONLY)
                segments.append((first, file.size))
                size += file.size
            } catch {
                // What is no file holds no entries. One that cannot be opened now may hold some.
                if error.code != EINVAL && error.code != ELOOP && error.code != ENXIO { throw error }
            }
        }
    }

    /// The number of the first entry of the segment of this name; nil where it is the name of something else.
    static func firstNumber(ofSegment name: String) -> UInt64? {
        guard name.hasPrefix("spool-"), name.hasSuffix(".export") else { return nil }
        return parseHexadecimal(name.dropFirst(6).dropLast(7))
    }

    private static func name(_ first: UInt64) -> String { "spool-\(hexadecimal(first)).export" }

    func read(after number: Int64) throws(SpoolError) -> [SpooledEntry] {
        var batch = SpoolBatch()
        var entries: [SpooledEntry] = []
        do {
            while let segment = segments.first, !batch.isFull {
                let file = try directory.open(Self.name(segment.first), O_RDONLY)
                while offset < segment.size, !batch.isFull {
                    guard let entry = try self.entry(file, segment) else { continue }
                    guard entry.number > max(forgotten, number) else { continue }
                    batch.add(entry)
                    entries.append(entry)
                }
                if offset >= segment.size {
                    finished.append(segments.removeFirst())
                    offset = 0
                }
            }
        } catch {
            // What was read before it failed is not read again.
            if entries.isEmpty { throw .failed(error) }
        }
        return entries
    }

    /// The entry at ``offset``, which moves on; nil where there is a damaged one.
    private func entry(
        _ file: borrowing FileDescriptor, _ segment: Segment
    ) throws(SystemError) -> SpooledEntry? {
        let path = "\(directory.path)/\(Self.name(segment.first))"
        guard let head = try file.bytes(at: offset, count: Self.headLength, path),
            head.starts(with: Self.headStart), let number = Self.number(head, 0), let length = Self.number(head, 19),
            let checksum = Self.number(head, 38), number < 1 << 62,
            length <= UInt64(max(0, segment.size - offset - Self.headLength)),
            let body = try file.bytes(at: offset + Self.headLength, count: Int(length), path)
        else {
            // The next segment tells how many there were.
            let next = segments.dropFirst().first.map { $0.first } ?? 0
            damage(segment, next > last ? Int(clamping: next - last - 1) : 1)
            offset = segment.size
            return nil
        }
        offset += Self.headLength + body.count
        last = number
        guard Self.checksum(body.span.bytes) == checksum else {
            damage(segment, number > UInt64(forgotten) ? 1 : 0)
            return nil
        }
        return SpooledEntry(number: Int64(number), received: ExportFormat.timestamp(of: body), body: body)
    }

    /// - Parameter entries: How many are lost; where that makes no sense, a number is damaged, and it is one.
    private func damage(_ segment: Segment, _ entries: Int) {
        damagedSegments.insert(segment.first)
        lost += entries <= segment.size ? entries : 1
    }

    private static func number(_ head: [UInt8], _ offset: Int) -> UInt64? {
        parseHexadecimal(
            Substring(decoding: head[headStart.count + offset..<headStart.count + offset + 16], as: UTF8.self))
    }

    /// The checksum of version 0.1.0, FNV-1a over words of 8 bytes.
    static func checksum(_ bytes: RawSpan) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var offset = 0
        while offset + 8 <= bytes.byteCount {
            hash = (hash ^ bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01B3
            hash = hash << 29 | hash >> 35
            offset += 8
        }
        while offset < bytes.byteCount {
            hash = (hash ^ UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))) &* 0x100_0000_01B3
            offset += 1
        }
        return hash ^ UInt64(bytes.byteCount)
    }

    func forget(through number: Int64) throws(SpoolError) {
        forgotten = max(forgotten, number)
        do {
            try directory.writeNumber(forgotten, to: Self.positionName)
        } catch {
            throw .failed(error)
        }
    }

    func finish() throws(SpoolError) {
        for segment in finished + segments { try remove(segment) }
        (finished, segments) = ([], [])
        do {
            for name in Self.otherNames { try directory.remove(name) }
            try directory.sync()
        } catch {
            throw .failed(error)
        }
    }

    private func remove(_ segment: Segment) throws(SpoolError) {
        let name = Self.name(segment.first)
        do {
            if damagedSegments.contains(segment.first) {
                try directory.rename(name, to: SpoolFile.setAsidePrefix + name)
            } else {
                try directory.remove(name)
            }
        } catch {
            throw .failed(error)
        }
        size -= segment.size
    }
}
