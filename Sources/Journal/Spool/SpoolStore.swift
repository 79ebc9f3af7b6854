import Glibc
import SystemCalls

/// What the spool has on disk: a database that entries are appended to, and what earlier processes have left. For one thread at a time.
struct SpoolStore: ~Copyable {
    /// An entry, and the source that it is from.
    struct Item: Sendable {
        let source: Int
        let entry: SpooledEntry
    }

    /// A source, and what has been read of it.
    private struct Queue {
        let id: Int
        var source: any SpoolSource
        var read: ArraySlice<SpooledEntry> = []
        /// The number of the entry that was handed out last.
        var taken: Int64
        var reportedLost = 0
    }

    /// Bytes up to which a database that another process has left is appended to.
    private static let largestReused = 4 << 20

    private let path: String
    private let isOwnDirectory: Bool
    /// Bytes that entries may take on disk.
    private let limit: Int
    private var directory: SpoolDirectory?
    /// What entries are appended to. It is the source of one of the queues, too.
    private var database: SpoolDatabase?
    private var queues: [Queue] = []
    private var lastID = 0
    private var isDetached = false
    /// Whether another process has entries of its own in the directory.
    private(set) var hasOthers = false
    /// Whether there is anything that could not be taken over.
    private(set) var hasLeftovers = false
    private var events: [JournalEvent] = []
    /// What has been said of files that cannot be taken over.
    private var reported: Set<String> = []

    init(path: String, isOwnDirectory: Bool, limit: Int) {
        self.path = path
        self.isOwnDirectory = isOwnDirectory
        self.limit = limit
    }

    /// What is to be said when nothing is locked any more.
    mutating func takeEvents() -> [JournalEvent] {
        defer { events = [] }
        return events
    }

    /// Bytes that entries take on disk.
    var size: Int { queues.reduce(0) { $0 + $1.source.size } }

    /// How many entries on disk no other process would find.
    var abandoned: Int {
        queues.reduce(0) { count, queue in
            guard let database = queue.source as? SpoolDatabase, !database.isInPlace else { return count }
            return count + Int(database.last - database.forgotten)
        }
    }

    // MARK: - Opening

    /// Opens the directory, takes over what no process uses, and sees that there is a database to append to.
    mutating func open() throws(SpoolError) {
        try openDirectory()
        if database == nil { try createDatabase() }
    }

    private mutating func openDirectory() throws(SpoolError) {
        if let directory, directory.isInPlace { return }
        do {
            directory = try SpoolDirectory(path: path, isOwn: isOwnDirectory)
        } catch {
            throw .failed(error)
        }
        adopt()
    }

    /// Takes over what no process uses any more.
    mutating func adopt() {
        guard let directory else { return }
        (hasOthers, hasLeftovers) = (false, false)
        let names = (try? directory.names()) ?? []
        for salt in SpoolFile.salts(of: names).sorted() where !queues.contains(where: { $0.source.salt == salt }) {
            do throws(SystemError) {
                if let file = try SpoolFile.adopt(salt, in: directory) { try adopt(file) }
            } catch {
                leave(error)
            }
        }
        if queues.contains(where: { $0.source is LegacySpool }) { return }
        do {
            if let legacy = try LegacySpool(in: directory) { append(legacy) }
        } catch {
            leave(error)
        }
    }

    private mutating func adopt(_ file: SpoolFile) throws(SystemError) {
        do throws(SpoolError) {
            let found = try SpoolDatabase(file)
            if database == nil, try isUsable(found) {
                database = found
                found.isOwn = true
                append(found)
            } else if !found.isEmpty {
                append(found)
            } else {
                try found.finish()
            }
        } catch {
            switch error {
            case .failed(let error): throw error
            case .damaged:
                do {
                    append(try SalvagedSpool(file))
                } catch {
                    throw error.asSystemError
                }
            }
        }
    }

    /// Whether entries can be appended to what another process has left: each process of an outage is not to leave a database.
    private func isUsable(_ found: SpoolDatabase) throws(SpoolError) -> Bool {
        if found.isEmpty {
            try found.shrink()
            return true
        }
        // Nothing may be appended in the place of entries that damage hides, and to see that takes a look at each page.
        guard found.size <= Self.largestReused else { return false }
        let whole = try SalvagedSpool(found.file, forgotten: found.forgotten)
        guard whole.lost == 0, whole.last ?? found.last == found.last else { return false }
        return (try? found.checkpoint()) != nil
    }

    /// What cannot be taken over stays where it is.
    private mutating func leave(_ error: SystemError) {
        hasLeftovers = true
        if error.code == EWOULDBLOCK {
            hasOthers = true
        } else if reported.insert(error.description).inserted {
            events.append(.unreadable(error))
        }
    }

    private mutating func append(_ source: any SpoolSource) {
        lastID += 1
        queues.append(Queue(id: lastID, source: source, taken: source.forgotten))
        reportLost(queues.count - 1)
    }

    private mutating func createDatabase() throws(SpoolError) {
        try openDirectory()
        // The directory may be another one, with a database that is of use.
        if let database, database.isInPlace { return }
        guard let directory else { return }
        let file: SpoolFile
        do {
            file = try SpoolFile.create(in: directory)
        } catch {
            throw .failed(error)
        }
        let new: SpoolDatabase
        do {
            new = try SpoolDatabase(file, isNew: true)
        } catch {
            try? file.remove()
            throw error
        }
        queues.removeAll { $0.source === database && database?.isEmpty == true }
        database = new
        new.isOwn = true
        append(new)
    }

    // MARK: - Appending

    /// Commits entries: they are on the disk when this returns.
    mutating func append(_ entries: ArraySlice<PendingEntry>) throws(SpoolError) {
        let database = try findDatabase()
        let size = entries.reduce(size) { $0 + $1.body.count + SpooledEntry.overhead }
        // What would never fit may exceed the bound, but is not to be in the way of what follows.
        guard size <= limit || size - self.size > limit && self.size < limit else {
            throw .failed(
                SystemError(
                    "add entries to the spool at", path, code: EDQUOT,
                    reason: "it has reached its bound of \(limit) bytes (OSQUERY_JOURNAL_SPOOL_MAX)"))
        }
        do {
            try database.append(entries)
        } catch {
            if case .damaged = error, let index = queues.firstIndex(where: { $0.source === database }) {
                try salvage(index)
            }
            throw error
        }
    }

    /// The database to append to. Where another process would not find it, another one; where there can be none, it goes on all the
    /// same: its files are open, and what is in them can be replayed by this process.
    private mutating func findDatabase() throws(SpoolError) -> SpoolDatabase {
        if let database, database.isInPlace {
            isDetached = false
            return database
        }
        do {
            try createDatabase()
            isDetached = false
        } catch {
            if database == nil { throw error }
            if !isDetached { events.append(.detached(error.asSystemError)) }
            isDetached = true
        }
        return database!
    }

    /// Entries that were to be appended have come into the journal without.
    mutating func skipAttempted() {
        // Where older ones are still there, they must not be forgotten with them.
        if database?.isEmpty == false { database = nil }
        database?.skipAttempted()
    }

    // MARK: - Replaying

    /// The entries that come next, oldest first; none where there is none.
    ///
    /// - Throws: Where what comes next cannot be read now, and nothing else can.
    mutating func next() throws(SpoolError) -> [Item] {
        var failure: SpoolError?
        for index in queues.indices.reversed() {
            do {
                try fill(index)
            } catch {
                failure = error
            }
        }
        var items: [Item] = []
        var batch = SpoolBatch()
        while !batch.isFull {
            let heads = queues.indices.filter { !queues[$0].read.isEmpty }
            guard let index = heads.min(by: { queues[$0].read.first!.received < queues[$1].read.first!.received })
            else { break }
            let entry = queues[index].read.removeFirst()
            queues[index].taken = entry.number
            batch.add(entry)
            items.append(Item(source: queues[index].id, entry: entry))
            // What comes next may be in this queue.
            if queues[index].read.isEmpty { break }
        }
        if items.isEmpty, let failure { throw failure }
        return items
    }

    private mutating func fill(_ index: Int) throws(SpoolError) {
        guard queues[index].read.isEmpty else { return }
        queues[index].taken = max(queues[index].taken, queues[index].source.forgotten)
        do {
            queues[index].read = try queues[index].source.read(after: queues[index].taken)[...]
        } catch .damaged {
            try salvage(index)
            queues[index].read = try queues[index].source.read(after: queues[index].taken)[...]
        }
        reportLost(index)
        if queues[index].read.isEmpty && queues[index].source.forgotten >= queues[index].taken { try finish(index) }
    }

    /// Reads what can be read of a damaged database from now on.
    private mutating func salvage(_ index: Int) throws(SpoolError) {
        guard let damaged = queues[index].source as? SpoolDatabase else { return }
        let last = damaged.isOwn ? damaged.last : nil
        queues[index].source = try SalvagedSpool(damaged.file, forgotten: damaged.forgotten, last: last)
        if damaged === database { database = nil }
        reportLost(index)
    }

    private mutating func reportLost(_ index: Int) {
        let source = queues[index].source
        let new = source.lost - queues[index].reportedLost
        if new > 0 { events.append(.damaged(entries: new, file: source.setAsidePath)) }
        queues[index].reportedLost = source.lost
    }

    /// Removes what an earlier process has left when all of it is in the journal.
    private mutating func finish(_ index: Int) throws(SpoolError) {
        let source = queues[index].source
        if source === database { return }
        if let finished = source as? SpoolDatabase {
            // SQLite would not tell if there were more: damage to a page hides what is on it.
            let last = finished.isOwn ? finished.last : nil
            let rest = try SalvagedSpool(finished.file, forgotten: finished.forgotten, last: last)
            if !rest.isEmpty || rest.lost > 0 {
                queues[index].source = rest
                reportLost(index)
                return try fill(index)
            }
        }
        try source.finish()
        queues.remove(at: index)
    }

    /// Begins anew with the oldest entries that are not forgotten.
    mutating func rewind() {
        for index in queues.indices where queues[index].taken > queues[index].source.forgotten {
            queues[index].taken = queues[index].source.forgotten
            queues[index].read = []
        }
    }

    /// Entries are in the journal: of each source those up to a number. What the disk does not take of that is remembered, and
    /// written with the next entries.
    mutating func forget(_ numbers: [Int: Int64]) throws(SpoolError) {
        var failure: SpoolError?
        for index in queues.indices {
            guard let number = numbers[queues[index].id] else { continue }
            do throws(SpoolError) {
                do {
                    try queues[index].source.forget(through: number)
                } catch .damaged {
                    try salvage(index)
                    try queues[index].source.forget(through: number)
                }
            } catch {
                // The others are no worse for that.
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Gives the disk back what it can do without. With all entries in the journal.
    mutating func settle() throws(SpoolError) {
        guard let database, database.isEmpty else { return }
        do {
            try database.shrink()
        } catch {
            // Its files would tell the next process of entries that are in the journal.
            guard database.isInPlace else { throw error }
            try database.finish()
            queues.removeAll { $0.source === database }
            self.database = nil
            throw error
        }
    }
}
