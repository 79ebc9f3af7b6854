import CSystemd
import Glibc
package import SystemCalls

/// Brings entries into the journal, in the order in which they come, and loses none.
///
/// An entry for which journald has room is sent at once, on the calling thread. Where there is no room for a while, no socket or an
/// error, it goes to the spool, and so do all that follow until a thread has replayed them. Where the spool takes none either,
/// the call is held.
package final class JournalWriter: Sendable {
    private struct State: ~Copyable {
        var probe = JournalProbe()
        /// Whether entries go to the spool, behind those that are there.
        var isSpooling = false
        var isDraining = false
        var isHolding = false
        /// The drain and the spool know the rest.
        var statistics = JournalStatistics()

        /// Sends the entry as one datagram, where it is one and there is room; whether it was sent.
        mutating func sendDatagram(_ entry: OutgoingEntry) -> Bool {
            guard entry.withDatagram({ probe.send($0) }) == true else { return false }
            count(entry)
            return true
        }

        /// An entry was sent.
        mutating func count(_ entry: OutgoingEntry) {
            statistics.sent += 1
            statistics.sentBytes += UInt64(entry.size)
        }
    }

    private let settings: JournalSettings
    private let report: @Sendable (JournalEvent) -> Void
    private let spool: Spool
    private let state = Lock(State())
    private let drain: JournalDrain
    private let bootID: String

    /// - Parameter report: Called when something changes that an administrator should know of.
    package init(_ settings: JournalSettings, report: @escaping @Sendable (JournalEvent) -> Void) {
        self.settings = settings
        self.report = report
        spool = Spool(path: settings.spool, limit: settings.spoolLimit, report: report)
        drain = JournalDrain(spool, report: report)
        bootID = Self.currentBootID
    }

    /// Takes up what an earlier process left in the spool. To be called before the first entry is written.
    ///
    /// A predecessor that has not quite ended holds the spool's lock: it is waited for in the background.
    package func start() throws(SystemError) {
        do {
            try takeUp()
        } catch {
            if error.code == EWOULDBLOCK { try BlockingThread.start { self.takeUpLater() } }
            throw error
        }
    }

    private func takeUp() throws(SystemError) {
        guard try drain.open() else { return }
        state.withLock { state in
            state.isSpooling = true
            startDraining(&state)
        }
    }

    private func takeUpLater() {
        while !drain.isStopped {
            usleep(500_000)
            do throws(SystemError) {
                return try takeUp()
            } catch {
                if error.code != EWOULDBLOCK { return report(.holding(error)) }
            }
        }
    }

    /// Ends the replay; what is not replayed by then is left to the next process. No entry may come any more.
    package func stop() {
        drain.stop()
    }

    /// What has happened so far.
    package var statistics: JournalStatistics {
        var statistics = state.withLock { $0.statistics }
        statistics.spoolBytes = spool.size
        statistics.spoolLimit = spool.limit
        (statistics.replayed, statistics.damaged) = drain.counts
        statistics.oldestSpooled = statistics.spoolBytes > 0 ? drain.currentTimestamp : nil
        return statistics
    }

    /// Where an entry is.
    package enum Place: Sendable {
        case journal
        /// In the spool under a number; safe after ``makeSafe(_:)``.
        case spool(UInt64)
    }

    /// Writes an entry: sends it, or appends it to the spool.
    ///
    /// - Parameters:
    ///   - entry: All of its fields but the message.
    ///   - message: The field `MESSAGE=…`, name included, which is sent from where it is.
    /// - Returns: Where it is. Nothing may be told of its success before ``makeSafe(_:)`` has returned.
    package func write(_ entry: borrowing JournalEntry, message: UnsafeRawBufferPointer) throws(SystemError) -> Place {
        let result = entry.with(message: message) { entry in
            var body: [UInt8]?
            return Result { () throws(SystemError) in
                try holding { () throws(SystemError) in try bring(entry, &body) }
            }
        }
        return try result.get()
    }

    /// Returns when an entry, and all before it, are in the journal or on the disk: one flush for any number of entries.
    package func makeSafe(_ place: Place) throws(SystemError) {
        guard case .spool(let number) = place else { return }
        try holding { () throws(SystemError) in try spool.sync(number) }
    }

    /// Tries again for as long as osqueryd can be made to wait.
    private func holding<R>(_ body: () throws(SystemError) -> R) throws(SystemError) -> R {
        var deadline: ContinuousClock.Instant?
        var pause: UInt32 = 20_000
        while true {
            do {
                let result = try body()
                if deadline != nil { recovered() }
                return result
            } catch {
                holds(error)
                deadline = deadline ?? .now + settings.hold
                if let deadline, deadline < .now {
                    state.withLock { $0.statistics.refused += 1 }
                    throw error
                }
                usleep(pause)
                pause = min(2 * pause, 1_000_000)
            }
        }
    }

    /// Sends the entry or appends it to the spool, in one step with the decision which, so that the order is kept.
    ///
    /// - Parameter body: The entry as it stands in the spool, made when it is needed.
    private func bring(_ entry: OutgoingEntry, _ body: inout [UInt8]?) throws(SystemError) -> Place {
        let result: Result<Place, SystemError> = state.withLock { state in
            var reason: Reason?
            if !state.isSpooling {
                reason = send(entry, &state)
                if reason == nil { return .success(.journal) }
            }
            do throws(SystemError) {
                let encoded =
                    body
                    ?? entry.withFields { SpoolEntry.body($0, received: WallClock.microseconds, bootID: bootID) }
                body = encoded
                let number = try spool.append(encoded)
                state.statistics.spooled += 1
                if let reason { report(.spooling(reason.description)) }
                state.isSpooling = true
                startDraining(&state)
                return .success(.spool(number))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Why an entry was not sent.
    enum Reason {
        case full
        case away
        case failed(SystemError)
    }

    /// Sends the entry; nil when it is sent.
    private func send(_ entry: OutgoingEntry, _ state: inout State) -> Reason? {
        if state.sendDatagram(entry) { return nil }
        var room = state.probe.room()
        if case .none = room {
            state.statistics.waited += 1
            room = state.probe.room(waiting: settings.wait)
        }
        switch room {
        case .none: return .full
        case .away: return .away
        case .some: break
        }
        if state.sendDatagram(entry) { return nil }
        do {
            try JournalSocket.send(entry)
            state.count(entry)
            return nil
        } catch {
            state.probe.disconnect()
            return .failed(error)
        }
    }

    private func startDraining(_ state: inout State) {
        guard !state.isDraining else { return }
        state.isDraining = drain.start { self.finishDraining() }
    }

    /// Back to sending at once, if nothing is left: asked by the drain when it has caught up.
    private func finishDraining() -> Bool {
        state.withLock { state in
            guard spool.oldest() == nil else { return false }
            state.isSpooling = false
            state.isDraining = false
            return true
        }
    }

    private func holds(_ error: SystemError) {
        let isNew = state.withLock { state in
            defer { state.isHolding = true }
            return !state.isHolding
        }
        if isNew { report(.holding(error)) }
    }

    private func recovered() {
        let wasHolding = state.withLock { state in
            defer { state.isHolding = false }
            return state.isHolding
        }
        if wasHolding { report(.recovered) }
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
