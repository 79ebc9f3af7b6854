import CSQLite
import Glibc
import SystemCalls

/// Entries in an SQLite database that no other process has open.
///
/// An entry is a row: number, time of receipt, checksum, body. Two further rows, of numbers that no entry has, both say up to which
/// entry everything is in the journal. There are two because a damaged mark would have everything replayed.
///
/// Numbers follow each other without a gap, and a checksum is looked at before the row is used: SQLite itself does not tell of a
/// damaged row, and takes what follows the damage in a WAL for never committed (sqlite.org/walformat.html).
final class SpoolDatabase: SpoolSource {
    /// The rows that are marks; entries have greater numbers.
    static let marks: ClosedRange<Int64> = 1...2
    static let pageSize = 4096
    /// “spoo”, in the database's header (sqlite.org/fileformat2.html).
    private static let applicationID: UInt32 = 0x7370_6F6F

    let file: SpoolFile
    private let connection: SQLiteConnection
    private let insertion: SQLiteStatement
    private let selection: SQLiteStatement
    private let deletion: SQLiteStatement
    private let pageCount: SQLiteStatement
    private let freePageCount: SQLiteStatement
    /// The number of the last entry that was committed.
    private(set) var last: Int64
    private(set) var forgotten = marks.upperBound
    /// Up to where the marks on disk say that entries are forgotten.
    private var markedForgotten: Int64 = marks.upperBound
    /// Whether this process appends to it, and so knows which entry is the last one.
    var isOwn = false
    /// Whether a commit has failed, whose frames may still be in the WAL after those of later ones.
    private var hasFailed = false
    /// The greatest number that a commit was tried with.
    private var attempted = marks.upperBound
    /// Bytes of pages that are in use.
    private var usedBytes = 0

    /// Opens a database.
    ///
    /// - Parameter isNew: Whether to make one of an empty file.
    /// - Throws: ``SpoolError/damaged(_:)`` where SQLite would not see all that is in the files.
    init(_ file: SpoolFile, isNew: Bool = false) throws(SpoolError) {
        // Before SQLite touches the WAL: it overwrites what it does not recover, and removes it where the database is empty.
        let isWhole: Bool
        do {
            isWhole = try SpoolScan.isWALWhole(of: file)
        } catch {
            throw .failed(error)
        }
        guard isWhole else { throw .damaged("the WAL is damaged") }
        guard isNew || file.database.size > 0 else { throw .damaged("the database is empty") }
        self.file = file
        do throws(SQLiteError) {
            connection = try SQLiteConnection(path: file.path)
            try connection.execute(Self.settings)
            if isNew { try connection.execute(Self.creation) }
            guard try connection.text("PRAGMA journal_mode = WAL") == "wal",
                try connection.integer("PRAGMA page_size") == Self.pageSize
            else { throw .damaged("it is no database in WAL mode, with pages of \(Self.pageSize) bytes") }
            insertion = try SQLiteStatement("INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3, ?4)", connection)
            selection = try SQLiteStatement(
                "SELECT number, received, checksum, body FROM entries WHERE number > ?1 ORDER BY number", connection)
            deletion = try SQLiteStatement("DELETE FROM entries WHERE number > ?1 AND number <= ?2", connection)
            pageCount = try SQLiteStatement("PRAGMA page_count", connection)
            freePageCount = try SQLiteStatement("PRAGMA freelist_count", connection)
        } catch {
            throw error.asSpoolError("open", file)
        }
        do throws(SQLiteError) {
            // SQLite opens the WAL with the first query.
            last = try connection.integer("SELECT max(number) FROM entries")
        } catch {
            throw error.asSpoolError("read", file)
        }
        do {
            try file.openWAL()
        } catch {
            throw .failed(error)
        }
        try calling("read") { () throws(SQLiteError) in
            for mark in Self.marks { forgotten = max(forgotten, try self.mark(mark)) }
            try measure()
        }
        last = max(last, forgotten)
        (markedForgotten, attempted) = (forgotten, last)
    }

    /// The locking mode comes first, since any of the others may read the database.
    private static let settings = """
        PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = \(pageSize); PRAGMA auto_vacuum = NONE;
        PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY; PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = 1048576; PRAGMA secure_delete = FAST;
        PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF
        """

    /// In memory, since until it is done nothing is kept.
    private static let creation = """
        PRAGMA journal_mode = MEMORY; BEGIN; PRAGMA application_id = \(applicationID);
        CREATE TABLE entries (
            number INTEGER PRIMARY KEY, received INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL);
        COMMIT
        """

    private func mark(_ number: Int64) throws(SQLiteError) -> Int64 {
        try selection.bind(1, number - 1)
        defer { selection.reset() }
        guard try selection.step(), selection.integer(0) == number else { return 0 }
        let entry = try row()
        return Int64(clamping: entry.received)
    }

    /// The row that ``selection`` is at.
    private func row() throws(SQLiteError) -> SpooledEntry {
        let entry = SpooledEntry(
            number: selection.integer(0), received: UInt64(bitPattern: selection.integer(1)), body: selection.bytes(3))
        guard checksum(entry.number, entry.received, entry.body) == selection.integer(2) else {
            throw .damaged("row \(entry.number) has another checksum")
        }
        return entry
    }

    // MARK: - Appending

    /// Commits entries, and returns when they are on the disk.
    ///
    /// Where that fails the same entries get the same numbers at the next try, which is all that is believed: SQLite writes its
    /// frames into the WAL again, and flushes them again.
    func append(_ entries: ArraySlice<PendingEntry>) throws(SpoolError) {
        var number = last
        try committing("write to") { () throws(SQLiteError) in
            if markedForgotten < forgotten { try forgetRows() }
            for entry in entries {
                number += 1
                attempted = max(attempted, number)
                try insert(number, entry.received, entry.body)
            }
        }
        last = number
        markedForgotten = forgotten
    }

    /// Runs `body` in a transaction.
    private func committing(_ operation: String, _ body: () throws(SQLiteError) -> Void) throws(SpoolError) {
        do {
            try connection.transaction(body)
        } catch {
            hasFailed = true
            throw error.asSpoolError(operation, file)
        }
        // It is committed, whatever becomes of the rest. Frames of a commit that has failed must not be taken for those of this one.
        try? measure()
        if hasFailed, (try? connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")) != nil {
            hasFailed = file.walSize > 0
        }
    }

    /// Passes over the numbers of a commit that failed, whose entries went another way: what is left of it in the WAL is forgotten.
    ///
    /// Precondition: all entries are forgotten.
    func skipAttempted() {
        precondition(forgotten == last)
        last = max(last, attempted)
        forgotten = last
    }

    private func insert(_ number: Int64, _ received: UInt64, _ body: [UInt8]) throws(SQLiteError) {
        try insertion.bind(1, number)
        try insertion.bind(2, Int64(bitPattern: received))
        try insertion.bind(3, checksum(number, received, body))
        let result = body.withUnsafeBytes { bytes in
            Result { () throws(SQLiteError) in
                defer { insertion.reset() }
                try insertion.bind(4, bytes)
                _ = try insertion.step()
            }
        }
        try result.get()
    }

    private func checksum(_ number: Int64, _ received: UInt64, _ body: [UInt8]) -> Int64 {
        SpooledEntry.checksum(salt: file.salt, number: number, received: received, body: body.span.bytes)
    }

    // MARK: - Replaying

    func read(after number: Int64) throws(SpoolError) -> [SpooledEntry] {
        var entries: [SpooledEntry] = []
        try calling("read") { () throws(SQLiteError) in
            var batch = SpoolBatch()
            try selection.bind(1, number)
            defer { selection.reset() }
            while !batch.isFull, try selection.step() {
                let entry = try row()
                guard entry.number == number + Int64(entries.count) + 1 else {
                    throw .damaged("entry \(entry.number) follows entry \(number + Int64(entries.count))")
                }
                batch.add(entry)
                entries.append(entry)
            }
            guard batch.isFull || number + Int64(entries.count) == last else {
                throw .damaged("entry \(last) is not there")
            }
        }
        return entries
    }

    /// Where the disk takes nothing, not even what makes room, that is remembered and written later.
    func forget(through number: Int64) throws(SpoolError) {
        forgotten = max(forgotten, number)
        if markedForgotten == forgotten { return }
        try committing("remove entries from") { () throws(SQLiteError) in try forgetRows() }
        markedForgotten = forgotten
    }

    private func forgetRows() throws(SQLiteError) {
        try deletion.bind(1, Self.marks.upperBound)
        try deletion.bind(2, forgotten)
        defer { deletion.reset() }
        _ = try deletion.step()
        for mark in Self.marks { try insert(mark, UInt64(forgotten), []) }
    }

    /// Makes what is in the WAL part of the database. Only then is it believed to be on the disk: another process has written it, and its
    /// flush may have failed.
    func checkpoint() throws(SpoolError) {
        if file.walSize == 0 { return }
        try calling("write back the WAL of") { () throws(SQLiteError) in
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            guard file.walSize == 0 else {
                throw SQLiteError(code: SQLITE_BUSY, systemCode: 0, description: "the WAL could not be written back")
            }
        }
    }

    /// Gives the disk back what forgotten entries took, and sees that nothing is left in the WAL.
    ///
    /// Precondition: all entries are forgotten.
    func shrink() throws(SpoolError) {
        try forget(through: last)
        if file.walSize == 0 { return }
        try calling("shrink") { () throws(SQLiteError) in
            try connection.execute("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            try measure()
        }
    }

    /// Whether other processes find it.
    var isInPlace: Bool { file.isInPlace }

    var isEmpty: Bool { forgotten == last }

    var salt: UInt64? { file.salt }

    var size: Int { isEmpty ? 0 : usedBytes }

    /// Damage makes it another source: ``SalvagedSpool``.
    var lost: Int { 0 }
    var path: String { file.path }
    var setAsidePath: String { file.setAsidePath }

    func finish() throws(SpoolError) {
        do {
            try file.remove()
        } catch {
            throw .failed(error)
        }
    }

    private func measure() throws(SQLiteError) {
        var counts: [Int64] = []
        for statement in [pageCount, freePageCount] {
            defer { statement.reset() }
            _ = try statement.step()
            counts.append(statement.integer(0))
        }
        usedBytes = Int(counts[0] - counts[1]) * Self.pageSize
    }

    private func calling(_ operation: String, _ body: () throws(SQLiteError) -> Void) throws(SpoolError) {
        do {
            try body()
        } catch {
            throw error.asSpoolError(operation, file)
        }
    }
}

extension SQLiteError {
    fileprivate func asSpoolError(_ operation: String, _ file: SpoolFile) -> SpoolError {
        isDamage ? .damaged(description) : .failed(asSystemError("\(operation) the spool's database", file.path))
    }
}

/// How many entries are read at a time.
struct SpoolBatch {
    private var count = 0
    private var bytes = 0

    var isFull: Bool { count >= 64 || bytes >= 1 << 20 }

    mutating func add(_ entry: SpooledEntry) {
        count += 1
        bytes += entry.body.count
    }
}
