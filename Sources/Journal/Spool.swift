import Glibc
import SystemCalls

/// Entries that journald could not take, on disk until it can: appended by whoever has one, read by one thread.
///
/// Sendable because what changes is only touched with the lock held.
final class Spool: @unchecked Sendable {
    /// A segment is closed when it is larger than this: what was replayed is freed piece by piece.
    static let segmentSize = 4 << 20

    let path: String
    /// Bytes that the spool may hold.
    let limit: Int
    private let report: @Sendable (JournalEvent) -> Void
    private let lock = Condition()
    private var directory: SpoolDirectory?
    /// A file of the folder without a name, for when the folder was removed and none can be made in its place.
    private var reserve: FileDescriptor?
    private var isDetached = false
    /// Oldest first.
    private var segments: [SpoolSegment] = []
    /// Whether the last segment is ours to append to.
    private var isAppendable = false
    private var lastNumber: UInt64 = 0
    private var syncedNumber: UInt64 = 0
    private var isSyncing = false
    private var bytes = 0

    init(path: String, limit: Int, report: @escaping @Sendable (JournalEvent) -> Void) {
        self.path = path
        self.limit = limit
        self.report = report
    }

    /// Opens the folder, and finds what an earlier process left in it.
    ///
    /// - Returns: Whether it left anything.
    func open() throws(SystemError) -> Bool {
        try lock.withLock { () throws(SystemError) in
            if directory == nil { try openDirectory() }
            return !segments.isEmpty
        }
    }

    /// Bytes on disk.
    var size: Int { lock.withLock { bytes } }

    /// Appends an entry; it is safe once ``sync(_:)`` has returned.
    ///
    /// - Parameter body: What ``SpoolEntry/body(_:received:bootID:)`` made.
    /// - Returns: The entry's number.
    func append(_ body: [UInt8]) throws(SystemError) -> UInt64 {
        try lock.withLock { () throws(SystemError) in
            if directory?.isInPlace != true { try replaceDirectory() }
            let number = lastNumber + 1
            let head = SpoolEntry.head(number: number, body: body)
            let size = head.count + body.count
            guard bytes + size <= limit else {
                throw SystemError("add an entry to the spool, which has reached its bound, at", path, code: EDQUOT)
            }
            if isDetached {
                if !isAppendable { try beginReserve(number) }
            } else if !isAppendable || segments.last!.size >= Self.segmentSize {
                try beginSegment(number)
            }
            try segments.last!.append([head, body])
            lastNumber = number
            bytes += size
            return number
        }
    }

    /// Returns when the entry is on the disk. One fdatasync(2) serves all who wait.
    func sync(_ number: UInt64) throws(SystemError) {
        try lock.withLock { () throws(SystemError) in
            while syncedNumber < number {
                if isSyncing {
                    lock.wait()
                    continue
                }
                guard let segment = segments.last else { return }
                let target = lastNumber
                let size = segment.size
                isSyncing = true
                let code = lock.unlocked { fdatasync(segment.file) == 0 ? 0 : errno }
                isSyncing = false
                lock.notifyAll()
                guard code == 0 else {
                    let error = SystemError("flush the spool at", path, code: code)
                    try rewriteUnsynced()
                    throw error
                }
                segment.syncedSize = max(segment.syncedSize, size)
                syncedNumber = max(syncedNumber, target)
            }
        }
    }

    /// The oldest segment, and how many of its bytes can be read by now.
    func oldest() -> (segment: SpoolSegment, size: Int)? {
        lock.withLock { segments.first.map { ($0, $0.size) } }
    }

    /// Removes the oldest segment once `read` of its bytes, which must be all that it has, are replayed.
    ///
    /// - Returns: Whether it had no more.
    func removeOldest(ifRead read: Int) -> Bool {
        lock.withLock {
            while isSyncing { lock.wait() }
            guard let oldest = segments.first, oldest.size <= read else { return false }
            directory?.remove(oldest.name)
            segments.removeFirst()
            bytes -= oldest.size
            if segments.isEmpty {
                if isDetached, let file = reserve?.rawValue { ftruncate(file, 0) }
                isAppendable = false
                // Whoever waits for these to be on the disk need not: they are in the journal.
                syncedNumber = lastNumber
                lock.notifyAll()
            }
            return true
        }
    }

    /// Opens another file of the folder.
    func openFile(_ name: String, _ flags: Int32) throws(SystemError) -> Int32 {
        try lock.withLock { () throws(SystemError) in
            guard let directory else { throw SystemError("open", "\(path)/\(name)", code: ENOENT) }
            return try directory.open(name, flags)
        }
    }

    /// Numbers go on behind what was replayed, whatever is left on disk.
    func beginNumbers(after number: UInt64) {
        lock.withLock {
            lastNumber = max(lastNumber, number)
            syncedNumber = max(syncedNumber, number)
        }
    }

    // MARK: - With the lock held

    /// Opens the folder; where the one before was removed, a new one, behind what the old one's segments still hold.
    private func openDirectory() throws(SystemError) {
        let new = try SpoolDirectory(path: path)
        for (first, size) in try new.segments() where !segments.contains(where: { $0.first == first }) {
            let file = try new.open(SpoolDirectory.segmentName(first), O_RDONLY)
            segments.append(SpoolSegment(first: first, file: file, size: size))
            bytes += size
            // Each entry has at least its head, so the last one's number is below this; numbers need not be dense.
            lastNumber = max(lastNumber, first + UInt64(size / SpoolEntry.headLength))
        }
        segments.sort { $0.first < $1.first }
        while isSyncing { lock.wait() }
        syncedNumber = lastNumber
        isAppendable = false
        directory = new
        isDetached = false
        if reserve == nil { reserve = try? new.namelessFile() }
    }

    /// Opens another folder, where the one before is not there any more. Where none can be made, which is so in a sandbox, entries go
    /// on to where they go, or to the reserve: those files are on the disk, but no other process can find them.
    private func replaceDirectory() throws(SystemError) {
        do {
            try openDirectory()
        } catch {
            guard reserve != nil else { throw error }
            if !isDetached { report(.detached(error)) }
            isDetached = true
        }
    }

    private func beginReserve(_ number: UInt64) throws(SystemError) {
        let file = dup(reserve?.rawValue ?? -1)
        guard file >= 0 else { throw SystemError("open the reserve of the spool at", path) }
        segments.append(SpoolSegment(first: number, file: file, size: 0))
        isAppendable = true
    }

    private func beginSegment(_ number: UInt64) throws(SystemError) {
        while isSyncing { lock.wait() }
        if isAppendable, let last = segments.last {
            guard fdatasync(last.file) == 0 else {
                let error = SystemError("flush the spool at", path)
                try rewriteUnsynced()
                throw error
            }
            last.syncedSize = last.size
            syncedNumber = lastNumber
        }
        let file = try directory!.open(SpoolDirectory.segmentName(number), O_RDWR | O_CREAT | O_EXCL | O_APPEND)
        directory!.sync()
        segments.append(SpoolSegment(first: number, file: file, size: 0))
        isAppendable = true
    }

    /// Writes what is not on the disk yet once more, into a new segment.
    ///
    /// After a flush that failed the next one may succeed although nothing was written: the kernel tells of a page that it
    /// could not write only once (fsync(2)).
    private func rewriteUnsynced() throws(SystemError) {
        guard let failed = segments.last, failed.syncedSize < failed.size else { return }
        let rest = try failed.read(at: failed.syncedSize, count: failed.size - failed.syncedSize)
        guard let first = rest.withUnsafeBytes({ SpoolEntry.parseHead($0) })?.number else { return }
        let file = try directory!.open(SpoolDirectory.rewriteName, O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
        let rewritten = SpoolSegment(first: first, file: file, size: 0)
        try rewritten.append([rest])
        // Takes the failed segment's place where nothing of that is on the disk.
        try directory!.rename(SpoolDirectory.rewriteName, to: rewritten.name)
        if failed.syncedSize == 0 { segments.removeLast() }
        failed.size = failed.syncedSize
        segments.append(rewritten)
    }
}
