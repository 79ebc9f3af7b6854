import CLinux
import CSystemd
import Glibc
import Synchronization
import SystemCalls

/// Replays the spool into the journal, on a thread of its own that exists only while there is something to replay.
final class JournalDrain: Sendable {
    /// journald's absence is noticed at once when it ends, by inotify; this is for what inotify does not tell.
    private static let patience: Int32 = 1000

    private let spool: Spool
    private let report: @Sendable (JournalEvent) -> Void
    private let reader: Lock<SpoolReader>
    private let wake: Int32
    private let isStopping = Atomic(false)
    private let replayed = Atomic<UInt64>(0)
    private let damaged = Atomic<UInt64>(0)
    /// When the entry to be replayed next was received; 0 before the first one was read.
    private let timestamp = Atomic<UInt64>(0)

    init(_ spool: Spool, report: @escaping @Sendable (JournalEvent) -> Void) {
        self.spool = spool
        self.report = report
        reader = Lock(SpoolReader(spool))
        wake = eventfd(0, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
    }

    deinit {
        close(wake)
    }

    /// Opens the spool; whether there is something to replay.
    func open() throws(SystemError) -> Bool {
        let hasEntries = try spool.open()
        try reader.withLock { (reader) throws(SystemError) in try reader.open() }
        return hasEntries
    }

    /// Starts to replay.
    ///
    /// - Parameter finish: Asked when nothing is left; true ends the thread.
    /// - Returns: Whether it has started.
    func start(_ finish: @escaping @Sendable () -> Bool) -> Bool {
        do {
            try BlockingThread.start { self.replay(finish) }
            return true
        } catch {
            report(.holding(error))
            return false
        }
    }

    /// Returns when the entry under way is in the journal and remembered as such.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        eventfd_write(wake, 1)
        reader.withLock { _ in }
    }

    /// Entries replayed, and pieces found damaged.
    var counts: (replayed: UInt64, damaged: UInt64) {
        (replayed.load(ordering: .relaxed), damaged.load(ordering: .relaxed))
    }

    /// When the oldest entry in the spool was received, in microseconds since 1970.
    var currentTimestamp: UInt64? {
        let timestamp = timestamp.load(ordering: .relaxed)
        return timestamp > 0 ? timestamp : nil
    }

    var isStopped: Bool { isStopping.load(ordering: .relaxed) }

    private func replay(_ finish: () -> Bool) {
        var probe = JournalProbe()
        var count = 0
        var hasFailed = false
        repeat {
            reading: while !isStopped {
                // The reader is let go between entries, for stop().
                switch reader.withLock({ reader in replayOne(&reader, &probe) }) {
                case .replayed:
                    count += 1
                    if count == 1 { report(.replaying) }
                    hasFailed = false
                case .passed:
                    break
                case .failed(let error):
                    if !hasFailed { report(.holding(error)) }
                    hasFailed = true
                    pause()
                case .caughtUp:
                    break reading
                }
            }
            if isStopped { return }
        } while !finish()
        report(.replayed(entries: count))
    }

    private enum Step {
        case replayed
        case passed
        /// The spool could not be read.
        case failed(SystemError)
        case caughtUp
    }

    private func replayOne(_ reader: inout SpoolReader, _ probe: inout JournalProbe) -> Step {
        do {
            try reader.open()
            switch try reader.next() {
            case .caughtUp:
                return .caughtUp
            case .damaged(let bytes, let file):
                damaged.add(1, ordering: .relaxed)
                report(.damaged(bytes: bytes, file: file))
                return .passed
            case .entry(let number, let body):
                timestamp.store(SpoolEntry.timestamp(of: body), ordering: .relaxed)
                guard send(body, &probe) else { return .passed }
                reader.finished(number)
                replayed.add(1, ordering: .relaxed)
                return .replayed
            }
        } catch {
            return .failed(error)
        }
    }

    /// Sends an entry once journald has room for it; false when the drain stops before.
    private func send(_ body: [UInt8], _ probe: inout JournalProbe) -> Bool {
        var failures = 0
        while !isStopped {
            guard case .some = probe.room(waiting: Self.patience, wake: wake) else { continue }
            var fields = body
            let error: SystemError? = fields.withUnsafeMutableBytes { bytes in
                SpoolEntry.withFields(of: bytes) { fields in
                    do throws(SystemError) {
                        try JournalSocket.send(fields)
                        return nil as SystemError?
                    } catch {
                        return error
                    }
                }
            }
            // 0 is also what is said when the socket went between the probe and the send. It is sent again then: rather twice than
            // not at all.
            if error == nil && !probe.hasChanged() { return true }
            probe.disconnect()
            failures += 1
            // The first is that of a journald that has died, whose successor the probe waits for.
            if failures == 1 { continue }
            if failures == 2, let error { report(.holding(error)) }
            pause()
        }
        return false
    }

    /// Waits before a failure is tried again, unless the drain stops.
    private func pause() {
        var descriptor = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        poll(&descriptor, 1, Self.patience)
    }
}
