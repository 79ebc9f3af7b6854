import Glibc
import SystemCalls

/// Entries that journald could not take, on disk until it can: appended by whoever has one, replayed by one thread.
///
/// An entry is in memory first, and counted. Of those who wait for theirs to be safe one commits all that there are; if the disk
/// takes nothing, they stay in memory, from where they are replayed like the others when journald takes entries.
final class Spool: Sendable {
    private struct State {
        /// What is not on the disk, oldest first, but for what is just being committed.
        var pending: [PendingEntry] = []
        var pendingBytes = 0
        /// How many entries were ever appended, and how many of those, the oldest ones, are safe.
        var appended: UInt64 = 0
        var safe: UInt64 = 0
        /// Whether a thread is committing pending entries, or sending the first of them.
        var isBusy = false
        /// Whether a commit has failed whose entries are pending.
        var isAttempted = false
        /// How often something came onto the disk, and how often it had when nothing was left to be replayed.
        var arrivals = 0
        var replayedArrivals = 0
        /// Bytes that entries take on disk.
        var size = 0
        /// When the oldest entry was received, in microseconds since 1970.
        var oldest: UInt64?
        var isStopped = false

        var isEmpty: Bool { pending.isEmpty && !isBusy && arrivals == replayedArrivals }

        mutating func makeSafe(_ entries: ArraySlice<PendingEntry>) {
            safe += UInt64(entries.count)
            pendingBytes -= entries.reduce(0) { $0 + $1.body.count }
        }
    }

    let path: String
    /// Bytes that the spool may hold.
    let limit: Int
    private let report: @Sendable (JournalEvent) -> Void
    private let state = Condition(State())
    /// Never locked together with ``state``.
    private let store: Lock<SpoolStore>

    init(path: String, isOwnDirectory: Bool, limit: Int, report: @escaping @Sendable (JournalEvent) -> Void) {
        self.path = path
        self.limit = limit
        self.report = report
        store = Lock(SpoolStore(path: path, isOwnDirectory: isOwnDirectory, limit: limit))
    }

    /// Bytes that entries take on disk.
    var size: Int { state.withLock { $0.size } }

    /// When the oldest entry was received, in microseconds since 1970; nil where there is none.
    var oldest: UInt64? { state.withLock { $0.oldest } }

    /// Bytes in memory that are not on the disk.
    var pendingBytes: Int { state.withLock { $0.pendingBytes } }

    /// Whether all that was ever appended is in the journal, and all that was found on the disk.
    var isEmpty: Bool { state.withLock { $0.isEmpty } }

    /// How many entries on disk no other process would find.
    var abandoned: Int { store.withLock { $0.abandoned } }

    /// Waits for ``stop()`` or `milliseconds`; whether it was called.
    func isStopped(within milliseconds: Int) -> Bool {
        state.wait(atMost: milliseconds * 1000) { $0.isStopped ? true : nil } ?? false
    }

    // MARK: - Opening

    /// Opens the spool, and takes over what processes have left that do not run any more.
    func open() throws(SystemError) {
        try arriving { (store) throws(SpoolError) in try store.open() }
    }

    /// Takes over what processes have left meanwhile.
    func adopt() throws(SystemError) {
        try arriving { store in store.adopt() }
    }

    /// Whether another process uses the directory, and whether there is anything in it that could not be taken over.
    var leftovers: (hasOthers: Bool, hasAny: Bool) { store.withLock { ($0.hasOthers, $0.hasLeftovers) } }

    private func arriving(_ body: (inout SpoolStore) throws(SpoolError) -> Void) throws(SystemError) {
        let result = Result { () throws(SystemError) in try accessing(body) }
        state.withLock { state in
            if state.size > 0 { state.arrivals += 1 }
        }
        return try result.get()
    }

    // MARK: - Appending

    /// Appends an entry; it is safe once ``commit(_:)`` has returned.
    ///
    /// - Returns: How many entries were appended by now.
    func append(_ entry: PendingEntry) -> UInt64 {
        state.change { state in
            state.pending.append(entry)
            state.pendingBytes += entry.body.count
            state.appended += 1
            if state.oldest == nil { state.oldest = entry.received }
            return state.appended
        }
    }

    /// Returns when so many entries, counted from the first one, are on the disk or in the journal. One commit serves all who wait.
    func commit(_ count: UInt64) throws(SystemError) {
        while true {
            let isSafe = state.wait { state in
                if state.safe >= count { return true }
                if state.isBusy { return nil }
                state.isBusy = true
                return false
            }
            if isSafe { return }
            // Those whose entries were in the last commit are about to append their next ones.
            sched_yield()
            let entries = state.withLock { state in
                defer { state.pending = [] }
                return state.pending
            }
            let result = Result { () throws(SystemError) in
                try accessing { (store) throws(SpoolError) in try store.append(entries[...]) }
            }
            state.change { state in
                state.isBusy = false
                switch result {
                case .success:
                    state.makeSafe(entries[...])
                    state.isAttempted = false
                    state.arrivals += 1
                case .failure:
                    state.pending.insert(contentsOf: entries, at: 0)
                    state.isAttempted = true
                }
            }
            try result.get()
        }
    }

    /// Waits until so many entries are safe, or `milliseconds` have passed; whether they are.
    func isSafe(_ count: UInt64, within milliseconds: Int) -> Bool {
        state.wait(atMost: milliseconds * 1000) { $0.safe >= count ? true : nil } ?? false
    }

    // MARK: - Replaying

    /// What is to be replayed next.
    enum Next {
        /// Entries on the disk, to be forgotten by ``Spool/forget(_:)``.
        case stored([SpoolStore.Item])
        /// An entry that is not on the disk, of which ``Spool/finish(sent:)`` must be told.
        case pending(PendingEntry)
        case nothing
    }

    /// What comes next. For one thread.
    ///
    /// - Parameter complain: Called where something is on the disk and cannot be read now. What is in memory goes before it then.
    func next(_ complain: (SystemError) -> Void) -> Next {
        while true {
            let arrivals = state.withLock { $0.arrivals }
            var isReadable = true
            do {
                let items = try accessing { (store) throws(SpoolError) in try store.next() }
                if let first = items.first {
                    state.withLock { $0.oldest = first.entry.received }
                    return .stored(items)
                }
            } catch {
                complain(error)
                isReadable = false
            }
            let next: Next?? = state.wait { state in
                if state.isBusy { return nil }
                if state.arrivals != arrivals { return .some(nil) }
                if let first = state.pending.first {
                    state.isBusy = true
                    state.oldest = first.received
                    return .pending(first)
                }
                if isReadable {
                    state.replayedArrivals = arrivals
                    state.oldest = nil
                }
                return .nothing
            }
            if case .some(.some(let next)) = next { return next }
        }
    }

    /// The entry of ``Next/pending(_:)`` was sent, or was not.
    func finish(sent: Bool) {
        if sent && state.withLock({ $0.isAttempted }) { store.withLock { $0.skipAttempted() } }
        state.change { state in
            state.isBusy = false
            guard sent else { return }
            state.isAttempted = false
            state.makeSafe(state.pending[..<1])
            state.pending.removeFirst()
        }
    }

    /// Entries are in the journal: of each source those up to a number. Where the disk does not take that, it is remembered, and
    /// written later.
    func forget(_ numbers: [Int: Int64]) {
        if numbers.isEmpty { return }
        try? accessing { (store) throws(SpoolError) in try store.forget(numbers) }
    }

    /// Begins anew with the oldest entry that is not forgotten.
    func rewind() {
        store.withLock { $0.rewind() }
        state.withLock { $0.arrivals += 1 }
    }

    /// Gives the disk back what it can do without, where all that is on it is in the journal, and takes over what processes have left
    /// meanwhile.
    func settle() {
        try? accessing { (store) throws(SpoolError) in try store.settle() }
        _ = try? adopt()
    }

    /// Waits for an entry that is not on the disk, for ``stop()``, or for `milliseconds`.
    func pause(_ milliseconds: Int) {
        _ = state.wait(atMost: milliseconds * 1000) { $0.isStopped || !$0.pending.isEmpty ? true : nil }
    }

    /// Ends a pause.
    func stop() {
        state.change { $0.isStopped = true }
    }

    private func accessing<R>(_ body: (inout SpoolStore) throws(SpoolError) -> R) throws(SystemError) -> R {
        let (result, size, events) = store.withLock { store in
            let result = Result { () throws(SpoolError) in try body(&store) }
            return (result, store.size, store.takeEvents())
        }
        state.withLock { $0.size = size }
        for event in events { report(event) }
        do {
            return try result.get()
        } catch {
            throw error.asSystemError
        }
    }
}
