import Glibc
import Synchronization
import SystemCalls

/// Finds out whether entries that were sent are in the journal, and on the disk where it is on a disk. journald itself acknowledges
/// nothing.
final class Confirmation: Sendable {
    enum Verdict {
        case confirmed
        /// Only these are in the journal, and the others will not come.
        case missing(found: Set<EntryID>)
        /// journald is still busy with them, or does not answer.
        case undecided(found: Set<EntryID>)
        /// What was found there cannot be flushed to the journal's disk.
        case unflushed(SystemError)
        /// It cannot be told.
        case impossible(SystemError)
    }

    /// How often entries none of which ever arrived are sent before it is taken that they cannot be found.
    private static let maximumTries = 3
    /// Bytes on the journal's disk below which it may be that journald cannot write.
    private static let scarceSpace = 16 << 20
    /// How long journald may take to answer, in milliseconds.
    static let patience: Int32 = 5000
    /// How long to look for entries where journald does not answer, in milliseconds.
    private static let readBackPatience = 2000
    private static let readBackPause: Int32 = 50
    /// Seconds by which the times of files may be off.
    private static let clockSlack = 2

    private let wake: Int32
    /// Whether an entry of ours was ever found, and so what is not found is not there.
    private let hasSeen = Atomic(false)
    private let isVolatileStorage = Atomic(false)

    /// - Parameter wake: A descriptor that ends all waiting early when it is readable.
    init(wake: Int32) {
        self.wake = wake
    }

    /// Whether what was found last is in memory only.
    var isVolatile: Bool { isVolatileStorage.load(ordering: .relaxed) }

    /// Has journald write what was sent to it, looks for the entries in the journal, and flushes its files.
    ///
    /// - Parameters:
    ///   - ids: In the order in which they were sent.
    ///   - since: When the first of them was sent, in microseconds since 1970.
    ///   - tries: How often they were sent in vain.
    func confirm(_ ids: [EntryID], since: UInt64, tries: Int, atMost milliseconds: Int32 = patience) -> Verdict {
        let isStopping = milliseconds < Self.patience
        let synchronization = JournalSynchronization.run(atMost: milliseconds, wake: isStopping ? -1 : wake)
        let wanted = Set(ids)
        let deadline = ContinuousClock.now + .milliseconds(min(Self.readBackPatience, Int(milliseconds)))
        while true {
            let files = JournalFiles(since: Int(since / 1_000_000) - Self.clockSlack)
            let found = files.find(wanted)
            // After they were found: what is flushed then has them.
            if let error = files.flush() { return .unflushed(error) }
            if !found.isEmpty {
                hasSeen.store(true, ordering: .relaxed)
                isVolatileStorage.store(files.isVolatile, ordering: .relaxed)
            }
            if found.count == wanted.count {
                // Those that have no number were sent, and no more can be known.
                return synchronization == .timedOut && ids.isEmpty ? .undecided(found: found) : .confirmed
            }
            if synchronization == .done {
                return verdict(files, found.union(removed(ids, found, since)), wanted, tries)
            }
            if files.files.isEmpty, let error = files.error { return .impossible(error) }
            if deadline < .now || isStopped(within: Self.readBackPause) { return .undecided(found: found) }
        }
    }

    /// Those of the entries that have been in the journal and that journald has removed since, to bound what the journal takes: where it
    /// does not reach back to when they were sent, all before the first that is there.
    private func removed(_ ids: [EntryID], _ found: Set<EntryID>, _ since: UInt64) -> ArraySlice<EntryID> {
        let first = ids.prefix { !found.contains($0) }
        guard !first.isEmpty, first.count < ids.count, let oldest = JournalReader.oldestTime, oldest > since else {
            return []
        }
        return first
    }

    private func verdict(
        _ files: borrowing JournalFiles, _ found: Set<EntryID>, _ wanted: Set<EntryID>, _ tries: Int
    ) -> Verdict {
        if found == wanted { return .confirmed }
        if hasSeen.load(ordering: .relaxed) { return .missing(found: found) }
        if files.files.isEmpty {
            return .impossible(files.error ?? SystemError("find", "the files of the journal", code: ENOENT))
        }
        // A journald that cannot write is not one that does not mean to.
        if files.freeSpace < Self.scarceSpace { return .missing(found: found) }
        if !files.isAnyModified || tries >= Self.maximumTries {
            return .impossible(
                SystemError(
                    "find what was sent in", "the journal", code: ENOENT,
                    reason: "journald keeps it nowhere where this process could look (journald.conf(5), Storage=)"))
        }
        return .missing(found: found)
    }

    /// Has journald write what was sent to it by now.
    func synchronize() -> JournalSynchronization.Outcome {
        JournalSynchronization.run(atMost: Self.patience, wake: wake)
    }

    /// Which of the entries are in the journal already.
    ///
    /// - Parameter since: When they can have been sent at the earliest, in seconds since 1970.
    func find(_ ids: Set<EntryID>, since: Int) -> Set<EntryID> {
        let found = JournalFiles(since: since).find(ids)
        if !found.isEmpty { hasSeen.store(true, ordering: .relaxed) }
        return found
    }

    private func isStopped(within milliseconds: Int32) -> Bool {
        var descriptor = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, milliseconds) > 0
    }
}
