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
    private let wake: Int32
    private let isStopping = Atomic(false)
    /// A thread that ends may still be there when the next one starts.
    private let threads = Condition(0)
    private let replayed = Atomic<UInt64>(0)

    init(_ spool: Spool, report: @escaping @Sendable (JournalEvent) -> Void) {
        self.spool = spool
        self.report = report
        wake = eventfd(0, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
    }

    deinit {
        close(wake)
    }

    /// Starts to replay.
    ///
    /// - Parameter finish: Asked when nothing is left; true ends the thread.
    func start(_ finish: @escaping @Sendable () -> Bool) throws(SystemError) {
        threads.change { $0 += 1 }
        do {
            try BlockingThread.start {
                self.replay(finish)
                self.threads.change { $0 -= 1 }
            }
        } catch {
            threads.change { $0 -= 1 }
            throw error
        }
    }

    /// Returns when the entry under way is in the journal and remembered as such.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        eventfd_write(wake, 1)
        spool.stop()
        threads.wait { $0 == 0 ? () : nil }
    }

    /// Entries replayed.
    var count: UInt64 { replayed.load(ordering: .relaxed) }

    var isStopped: Bool { isStopping.load(ordering: .relaxed) }

    private func replay(_ finish: () -> Bool) {
        var probe = JournalProbe()
        let before = count
        var hasFailed = false
        while !isStopped {
            guard case .some = probe.room(waiting: Self.patience, wake: wake) else { continue }
            var error: SystemError?
            let next = spool.next { error = $0 }
            if let error, !hasFailed { report(.unreadable(error)) }
            hasFailed = error != nil
            if case .nothing = next {} else if count == before { report(.replaying) }
            switch next {
            case .stored(let items):
                replay(items, &probe)
            case .pending(let entry):
                // Once: others may put it onto the disk meanwhile.
                let isSent = send(entry.body, &probe) { false }
                spool.finish(sent: isSent)
                if !isSent { pause() }
            case .nothing where hasFailed:
                spool.pause(Int(Self.patience))
            case .nothing:
                spool.settle()
                if !isStopped && finish() { return report(.replayed(entries: Int(count - before))) }
            }
        }
    }

    /// Replays entries from the disk.
    private func replay(_ items: [SpoolStore.Item], _ probe: inout JournalProbe) {
        var forgotten = 0
        for (index, item) in items.enumerated() {
            let isSent = send(item.entry.body, &probe) {
                // Perhaps for long: what is in the journal is not to come again if this process ends meanwhile.
                spool.forget(items[forgotten..<index])
                forgotten = index
                return true
            }
            guard isSent else { return spool.forget(items[forgotten..<index]) }
        }
        spool.forget(items[forgotten...])
    }

    /// Sends an entry once journald has room for it; false when the drain stops before.
    ///
    /// - Parameter shallWait: Asked where journald takes nothing now.
    private func send(_ body: [UInt8], _ probe: inout JournalProbe, orElse shallWait: () -> Bool) -> Bool {
        var failures = 0
        while !isStopped {
            guard case .some = probe.room() else {
                guard shallWait() else { return false }
                _ = probe.room(waiting: Self.patience, wake: wake)
                continue
            }
            let isSent = ExportFormat.withDatagram(of: body) { probe.send($0) }
            let error = isSent == nil ? Self.sendLarge(body) : nil
            // libsystemd returns 0 also when the socket went between the probe and the send. It is sent again then: rather twice than
            // not at all.
            if isSent == true || isSent == nil && error == nil && !probe.hasChanged() {
                replayed.add(1, ordering: .relaxed)
                return true
            }
            if isSent == nil { probe.disconnect() }
            failures += 1
            // A first failure is that of a journald that has died: the probe waits for its successor.
            if failures == 1 { continue }
            if failures == 2, let error { report(.unsendable(error)) }
            guard shallWait() else { return false }
            pause()
        }
        return false
    }

    private static func sendLarge(_ body: [UInt8]) -> SystemError? {
        var bytes = body
        return bytes.withUnsafeMutableBytes { bytes in
            ExportFormat.withFields(of: bytes) { fields in
                do throws(SystemError) {
                    try JournalSocket.send(fields)
                    return nil as SystemError?
                } catch {
                    return error
                }
            }
        }
    }

    /// Waits before a failure is tried again, unless the drain stops.
    private func pause() {
        var descriptor = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        poll(&descriptor, 1, Self.patience)
    }
}
