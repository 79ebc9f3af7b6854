import Glibc
import Synchronization
import SystemCalls

/// Finds out whether entries that were sent are in the journal, and on the disk where it is on a disk. journald itself acknowledges
/// nothing.
final class Confirmation: Sendable {
    enum Verdict {
        case confirmed
        /// Only these are in the journal, and the others will not come; whether the journal's disk is nearly full.
        case missing(found: Set<EntryID>, isDiskFull: Bool)
        /// journald is still busy with them or does not answer, or, with an error, not all of the journal can be read.
        case undecided(found: Set<EntryID>, SystemError?)
        /// What was found there cannot be flushed to the journal's disk.
        case unflushed(SystemError)
        /// It cannot be told.
        case impossible(SystemError)
    }

    /// Bytes on the journal's disk below which it may be that journald cannot write.
    private static let scarceSpace = 16 << 20
    /// How long journald may take to answer, in milliseconds.
    static let patience: Int32 = 5000
    /// How long to look for entries where journald does not answer, in milliseconds.
    private static let readBackPatience = 2000
    private static let readBackPause: Int32 = 50
    /// Seconds by which the times of files may be off.
    private static let clockSlack = 2

    private let end: WakeEvent
    /// Whether it was taken that entries cannot be found, and none was since.
    private let isHopeless = Atomic(false)
    private let isVolatileStorage = Atomic(false)

    /// - Parameter end: Ends all waiting early when it is set.
    init(end: WakeEvent) {
        self.end = end
    }

    /// Whether what was found last is in memory only.
    var isVolatile: Bool { isVolatileStorage.load(ordering: .relaxed) }

    /// Has journald write what was sent to it, looks for the entries in the journal, and flushes its files.
    ///
    /// - Parameters:
    ///   - ids: In the order in which they were sent.
    ///   - since: When the first of them was sent, in microseconds since 1970.
    ///   - isPatient: Whether to wait longer for entries none of which arrives.
    ///   - lastMilliseconds: Where the process is about to end, how long it may take.
    func confirm(_ ids: [EntryID], since: UInt64, isPatient: Bool, lastMilliseconds: Int32? = nil) -> Verdict {
        let milliseconds = lastMilliseconds ?? Self.patience
        let synchronization = JournalSynchronization.run(
            atMost: milliseconds, wake: lastMilliseconds == nil ? end.descriptor : -1)
        let wanted = Set(ids)
        let deadline = Deadline(in: .milliseconds(min(Self.readBackPatience, Int(milliseconds))))
        while true {
            let files = JournalFiles(since: Int(since / 1_000_000) - Self.clockSlack)
            var (found, error) = files.find(wanted)
            // After they were found: what is flushed then has them.
            if let error = files.flush() { return .unflushed(error) }
            if found.count < wanted.count && synchronization == .done {
                // A clock that was set makes the times of files mean nothing.
                let all = JournalFiles(since: nil)
                let (rest, failure) = all.find(wanted.subtracting(found))
                if let error = all.flush() { return .unflushed(error) }
                found.formUnion(rest)
                error = error ?? failure
            }
            if !found.isEmpty {
                isHopeless.store(false, ordering: .relaxed)
                isVolatileStorage.store(files.isVolatile, ordering: .relaxed)
            }
            if found.count == wanted.count {
                // Those that have no number were sent, and no more can be known.
                return synchronization == .timedOut && ids.isEmpty ? .undecided(found: found, nil) : .confirmed
            }
            if files.files.isEmpty, let error { return .impossible(error) }
            if let error { return .undecided(found: found, error) }
            if synchronization == .done { return verdict(on: ids, files, found, since, isPatient) }
            if deadline.hasPassed || end.isSet(within: Self.readBackPause) { return .undecided(found: found, nil) }
        }
    }

    private func verdict(
        on ids: [EntryID], _ files: borrowing JournalFiles, _ found: Set<EntryID>, _ since: UInt64, _ isPatient: Bool
    ) -> Verdict {
        let arrived = found.union(removed(ids, found, since))
        if arrived.count == ids.count { return .confirmed }
        let isDiskFull = !files.files.isEmpty && files.freeSpace < Self.scarceSpace
        // A journald that cannot write is not one that does not mean to.
        if !arrived.isEmpty || isDiskFull { return .missing(found: arrived, isDiskFull: isDiskFull) }
        if files.files.isEmpty {
            return .impossible(SystemError("find", "the files of the journal", code: ENOENT))
        }
        if !isPatient || isHopeless.load(ordering: .relaxed) {
            isHopeless.store(true, ordering: .relaxed)
            return .impossible(
                SystemError(
                    "find what was sent in", "the journal", code: ENOENT,
                    reason:
                        "journald does not keep it, or not where this process could look (journald.conf(5), Storage=, MaxLevelStore=)"
                ))
        }
        return .missing(found: [], isDiskFull: false)
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

    /// Has journald write what was sent to it by now.
    func synchronize() -> JournalSynchronization.Outcome {
        JournalSynchronization.run(atMost: Self.patience, wake: end.descriptor)
    }

    /// Which of the entries are in the journal already.
    ///
    func find(_ ids: Set<EntryID>) -> Set<EntryID> { JournalFiles(since: nil).find(ids).found }
}
