import Glibc
import Synchronization
import SystemCalls

/// Replays the spool into the journal, on a thread of its own that exists only while there is something to replay.
final class JournalReplay: Sendable {
    /// What the owner of the spool has to know.
    struct Hooks: Sendable {
        /// All that is in the spool was sent.
        var caughtUp: @Sendable () -> Void
        /// Entries that were sent have not arrived, and those that follow may not either.
        var fellBack: @Sendable () -> Void
        /// Nothing is left; true ends the thread.
        var finish: @Sendable () -> Bool
    }

    /// How long ``waitForEnd()`` waits for the thread, which may be in a call that blocks, in microseconds.
    private static let stopLimit = 500_000

    private let spool: Spool
    private let report: @Sendable (JournalEvent) -> Void
    /// The stream of this process, none of whose entries an earlier one can have sent.
    private let ownStream: StreamID?
    private let confirmation: Confirmation
    /// Set by ``beginToStop()``.
    let end = WakeEvent()
    /// A thread that ends may still be there when the next one starts.
    private let threads = Condition(0)
    private let replayed = Atomic<UInt64>(0)
    private let isUnconfirmed = Atomic(false)
    private let isVolatile = Atomic(false)

    init(_ spool: Spool, ownStream: StreamID?, report: @escaping @Sendable (JournalEvent) -> Void) {
        self.spool = spool
        self.ownStream = ownStream
        self.report = report
        confirmation = Confirmation(end: end)
    }

    /// Starts to replay.
    func start(_ hooks: Hooks) throws(SystemError) {
        threads.change { $0 += 1 }
        do {
            try BlockingThread.start {
                var run = ReplayRun(
                    spool: self.spool, confirmation: self.confirmation, ownStream: self.ownStream, end: self.end,
                    report: self.reportOnce, count: { self.replayed.add(UInt64($0), ordering: .relaxed) })
                run.run(hooks)
                self.threads.change { $0 -= 1 }
            }
        } catch {
            threads.change { $0 -= 1 }
            throw error
        }
    }

    /// Has the thread end, and whatever waits for journald.
    func beginToStop() {
        end.set()
        spool.stop()
    }

    /// Returns when the thread has ended, or after half a second.
    func waitForEnd() {
        _ = threads.wait(atMost: Self.stopLimit) { $0 == 0 ? () : nil }
    }

    /// Entries replayed.
    var count: UInt64 { replayed.load(ordering: .relaxed) }

    /// Of what the journal is like, once is enough.
    private func reportOnce(_ event: JournalEvent) {
        switch event {
        case .unconfirmed where isUnconfirmed.exchange(true, ordering: .relaxed): break
        case .volatile where isVolatile.exchange(true, ordering: .relaxed): break
        default: report(event)
        }
    }
}
