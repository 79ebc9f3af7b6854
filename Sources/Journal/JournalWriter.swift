import CSystemd
import Glibc
import Synchronization
package import SystemCalls

/// Brings entries into the journal, in the order in which they come, and loses none.
///
/// An entry for which journald has room is sent at once, on the calling thread. Where there is no room for a while, no socket or an
/// error, it goes to the spool, and so do all that follow until a thread has replayed them. Where the disk takes none either,
/// the call is held until journald or the disk does.
package final class JournalWriter: Sendable {
    private struct State: ~Copyable {
        var probe = JournalProbe()
        /// Whether entries go to the spool, after those that are there.
        var isSpooling = false
        var isDraining = false
    }

    /// Bytes in memory from which on a call waits for them to be safe before it goes on.
    private static let largestPending = 1 << 20
    /// How long to wait before what could not be taken over is tried again, in milliseconds: what a process left that still runs, such
    /// as a predecessor that has not quite ended, or what could not be read.
    private static let firstAdoptionPause = 500
    private static let longestAdoptionPause = 10_000

    private let settings: JournalSettings
    private let report: @Sendable (JournalEvent) -> Void
    private let counters: JournalCounters
    private let spool: Spool
    private let state = Lock(State())
    private let isHolding = Atomic(false)
    private let drain: JournalDrain
    private let bootID: String

    /// - Parameter report: Called when something changes that an administrator should know of.
    package init(_ settings: JournalSettings, report: @escaping @Sendable (JournalEvent) -> Void) {
        let counters = JournalCounters()
        let countAndReport: @Sendable (JournalEvent) -> Void = { event in
            if case .damaged(let entries, _) = event { counters.damaged.add(UInt64(entries), ordering: .relaxed) }
            report(event)
        }
        self.settings = settings
        self.counters = counters
        self.report = countAndReport
        spool = Spool(
            path: settings.spool, isOwnDirectory: settings.isSpoolOwn, limit: settings.spoolLimit,
            report: countAndReport)
        drain = JournalDrain(spool, report: countAndReport)
        bootID = Self.currentBootID
    }

    /// Takes over what earlier processes left in the spool. To be called before the first entry is written.
    package func start() throws(SystemError) {
        let result = Result { () throws(SystemError) in try spool.open() }
        // What was found before it failed is replayed all the same, and the rest tried again.
        replayIfNeeded()
        let leftovers = spool.leftovers
        if leftovers.hasOthers { report(.shared(path: settings.spool)) }
        if leftovers.hasAny { try BlockingThread.start { self.adoptLater() } }
        try result.get()
    }

    private func adoptLater() {
        var pause = Self.firstAdoptionPause
        while spool.leftovers.hasAny && !spool.isStopped(within: pause) {
            try? spool.adopt()
            replayIfNeeded()
            pause = min(2 * pause, Self.longestAdoptionPause)
        }
    }

    private func replayIfNeeded() {
        if spool.isEmpty { return }
        let error = state.withLock { state in
            state.isSpooling = true
            return startDraining(&state)
        }
        if let error { report(.unsendable(error)) }
    }

    /// Ends the replay; what is not replayed by then is left to the next process. No entry may come any more.
    package func stop() {
        drain.stop()
        let abandoned = spool.abandoned
        if abandoned > 0 { report(.abandoned(entries: abandoned)) }
    }

    /// What has happened so far.
    package var statistics: JournalStatistics {
        JournalStatistics(
            sent: counters.sent.load(ordering: .relaxed),
            sentBytes: counters.sentBytes.load(ordering: .relaxed),
            waited: counters.waited.load(ordering: .relaxed),
            spooled: counters.spooled.load(ordering: .relaxed),
            replayed: drain.count,
            spoolBytes: spool.size,
            spoolLimit: spool.limit,
            oldestSpooled: spool.oldest,
            damaged: counters.damaged.load(ordering: .relaxed),
            refused: counters.refused.load(ordering: .relaxed))
    }

    /// Where an entry is.
    package enum Place: Sendable {
        case journal
        /// In the spool, as one of so many; safe after ``makeSafe(_:)``.
        case spool(UInt64)
    }

    /// Writes an entry: sends it, or appends it to the spool.
    ///
    /// - Parameters:
    ///   - entry: All of its fields but the message.
    ///   - message: The field `MESSAGE=…`, name included, which is sent from where it is.
    /// - Returns: Where it is. Nothing may be told of its success before ``makeSafe(_:)`` has returned.
    /// - Throws: What ``makeSafe(_:)`` throws, where so much waits in memory that it must be safe first.
    package func write(_ entry: borrowing JournalEntry, message: UnsafeRawBufferPointer) throws(SystemError) -> Place {
        let place = entry.with(message: message) { sendOrAppend($0) }
        if case .spool = place, spool.pendingBytes > Self.largestPending { try makeSafe(place) }
        return place
    }

    /// Returns when an entry, and all before it, are in the journal or on the disk: one commit for any number of entries. Where
    /// neither takes them, it tries again for as long as osqueryd can be made to wait.
    package func makeSafe(_ place: Place) throws(SystemError) {
        guard case .spool(let count) = place else { return }
        let deadline = ContinuousClock.now + settings.hold
        var pause = 20
        while true {
            do {
                try spool.commit(count)
                return recovered()
            } catch {
                // Where journald takes entries, they do not wait for the disk.
                if spool.isSafe(count, within: pause) { return recovered() }
                if isHolding.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged {
                    report(.holding(error))
                }
                if deadline < .now {
                    counters.refused.add(1, ordering: .relaxed)
                    throw error
                }
                pause = min(2 * pause, 1000)
            }
        }
    }

    /// Sends the entry or appends it to the spool, in one step with the decision which, so that the order is kept.
    private func sendOrAppend(_ entry: OutgoingEntry) -> Place {
        var reason: Reason?
        var error: SystemError?
        let place: Place = state.withLock { state in
            if !state.isSpooling {
                reason = send(entry, &state)
                if reason == nil { return .journal }
                state.isSpooling = true
            }
            let received = WallClock.microseconds
            let body = entry.withFields { ExportFormat.body($0, received: received, bootID: bootID) }
            let count = spool.append(PendingEntry(received: received, body: body))
            counters.spooled.add(1, ordering: .relaxed)
            error = startDraining(&state)
            return .spool(count)
        }
        if let reason { report(.spooling(reason.description)) }
        if let error { report(.unsendable(error)) }
        return place
    }

    /// Why an entry was not sent.
    enum Reason {
        case full
        case away
        case failed(SystemError)
    }

    /// Sends the entry; nil when it is sent.
    private func send(_ entry: OutgoingEntry, _ state: inout State) -> Reason? {
        if sendDatagram(entry, &state) { return nil }
        var room = state.probe.room()
        if case .none = room {
            counters.waited.add(1, ordering: .relaxed)
            room = state.probe.room(waiting: settings.wait)
        }
        switch room {
        case .none: return .full
        case .away: return .away
        case .some: break
        }
        if sendDatagram(entry, &state) { return nil }
        do {
            try JournalSocket.send(entry)
            count(entry)
            return nil
        } catch {
            state.probe.disconnect()
            return .failed(error)
        }
    }

    /// Sends the entry as one datagram, where it is one and there is room; whether it was sent.
    private func sendDatagram(_ entry: OutgoingEntry, _ state: inout State) -> Bool {
        guard entry.withDatagram({ state.probe.send($0) }) == true else { return false }
        count(entry)
        return true
    }

    private func count(_ entry: OutgoingEntry) {
        counters.sent.add(1, ordering: .relaxed)
        counters.sentBytes.add(UInt64(entry.size), ordering: .relaxed)
    }

    /// Why the drain has not started, and is to be started with the next entry; nil where it runs.
    private func startDraining(_ state: inout State) -> SystemError? {
        if state.isDraining { return nil }
        do {
            try drain.start { self.finishDraining() }
            state.isDraining = true
            return nil
        } catch {
            return error
        }
    }

    /// Back to sending at once, if nothing is left: asked by the drain when it has caught up.
    private func finishDraining() -> Bool {
        state.withLock { state in
            guard spool.isEmpty else { return false }
            state.isSpooling = false
            state.isDraining = false
            return true
        }
    }

    private func recovered() {
        if isHolding.exchange(false, ordering: .relaxed) { report(.recovered) }
    }

    private static var currentBootID: String {
        var id = sd_id128_t()
        guard sd_id128_get_boot(&id) == 0 else { return String(repeating: "0", count: 32) }
        return withUnsafeBytes(of: id) { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}

extension JournalWriter.Reason {
    fileprivate var description: String {
        switch self {
        case .full: "systemd-journald takes nothing."
        case .away: "There is no systemd-journald at \(JournalProbe.socketPath)."
        case .failed(let error): error.description
        }
    }
}
