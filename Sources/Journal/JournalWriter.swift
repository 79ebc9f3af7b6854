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
        var connection = JournalConnection()
        var number: EntryNumber
        /// Whether the stream is open: a process that logs nothing opens none.
        var isOpen = false
        /// Whether entries go to the spool, after those that are there.
        var isSpooling = false
        var isReplaying = false
        /// Whether a call waits for journald to have room, before whose entry no other may be sent.
        var isWaiting = false
    }

    /// Bytes in memory from which on a call waits for them to be safe before it goes on.
    private static let largestPending = 1 << 20
    /// How long to wait before what could not be taken over is tried again, in milliseconds: what a process left that still runs, such
    /// as a predecessor that has not quite ended, or what could not be read.
    private static let firstAdoptionPause = 500
    /// How long ``stop()`` waits for the stream to be closed, whose entry may have to go to a disk that hangs, in microseconds.
    private static let closeLimit = 400_000
    private static let countLimit = 100_000
    private static let longestAdoptionPause = 10_000

    private let settings: JournalSettings
    private let report: @Sendable (JournalEvent) -> Void
    private let counters: JournalCounters
    private let spool: Spool
    private let state: Condition<State>
    private let isHolding = Atomic(false)
    private let replay: JournalReplay
    private let bootID: String
    /// The stream of this process; nil where entries are not numbered.
    private let stream: StreamID?
    private let isRecordClosed = Atomic(false)
    /// Set before the first entry.
    private let record = Lock<StreamRecord?>(nil)

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
        stream = settings.isNumbered ? StreamID.random() : nil
        replay = JournalReplay(spool, ownStream: stream, report: countAndReport)
        state = Condition(State(number: EntryNumber(stream)))
        bootID = Self.currentBootID
    }

    /// Takes over what earlier processes left in the spool. To be called before the first entry is written.
    package func start() throws(SystemError) {
        let result = Result { () throws(SystemError) in try spool.open() }
        let directory = try? SpoolDirectory(path: settings.spool, isOwn: settings.isSpoolOwn, creating: false)
        record.withLock { $0 = directory.flatMap { StreamRecord(in: $0) } }
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
            return startReplay(&state)
        }
        if let error { report(.unsendable(error)) }
    }

    /// Closes the stream and ends the replay, within a second; what is not replayed by then is left to the next process. No entry may
    /// come any more.
    package func stop() {
        replay.beginToStop()
        Self.run(atMost: Self.closeLimit) { self.closeStream() }
        replay.waitForEnd()
        Self.run(atMost: Self.countLimit) {
            let abandoned = self.spool.abandoned
            if abandoned > 0 { self.report(.abandoned(entries: abandoned)) }
        }
    }

    /// Runs `body`, and does not wait longer for it than so many microseconds: a disk may hang.
    private static func run(atMost microseconds: Int, _ body: @escaping @Sendable () -> Void) {
        let isDone = Condition(false)
        do {
            try BlockingThread.start {
                body()
                isDone.change { $0 = true }
            }
        } catch {
            return
        }
        _ = isDone.wait(atMost: microseconds) { $0 ? () : nil }
    }

    /// What has happened so far.
    package var statistics: JournalStatistics {
        JournalStatistics(
            sent: counters.sent.load(ordering: .relaxed),
            sentBytes: counters.sentBytes.load(ordering: .relaxed),
            waited: counters.waited.load(ordering: .relaxed),
            spooled: counters.spooled.load(ordering: .relaxed),
            replayed: replay.count,
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
        let deadline = Deadline(in: settings.hold)
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
                if deadline.hasPassed {
                    counters.refused.add(1, ordering: .relaxed)
                    throw error
                }
                pause = min(2 * pause, 1000)
            }
        }
    }

    /// Sends the entry, or appends it to the spool. Which, is decided with the state locked, so that the order is kept; journald is waited
    /// for without.
    private func sendOrAppend(_ entry: OutgoingEntry) -> Place {
        var events: [JournalEvent] = []
        var isFirst = false
        defer {
            // Not here: the disk may hang, and journald does not.
            if isFirst { try? BlockingThread.start { self.recordStream() } }
            for event in events { report(event) }
        }
        let place: Place? = state.wait { state in
            // Others come after the call that waits.
            if state.isWaiting { return nil }
            if !state.isOpen {
                openStream(&state, &events)
                isFirst = true
            }
            if state.isSpooling { return .some(append(entry, &state, &events)) }
            switch send(entry, &state) {
            case .sent: return .some(.journal)
            case .full where settings.wait > 0:
                state.isWaiting = true
                return .some(nil)
            case let outcome: return .some(spool(entry, because: outcome, &state, &events))
            }
        }
        if let place { return place }
        counters.waited.add(1, ordering: .relaxed)
        return sendWhenThereIsRoom(entry, &events)
    }

    /// Sends the entry within the time for which journald is waited for, or begins to spool. For one call at a time.
    private func sendWhenThereIsRoom(_ entry: OutgoingEntry, _ events: inout [JournalEvent]) -> Place {
        let deadline = Deadline(in: .milliseconds(Int(settings.wait)))
        while true {
            let remaining = deadline.remaining
            let descriptors = state.withLock { $0.connection.descriptors }
            JournalConnection.wait(descriptors, max(1, remaining.pollTimeout), wake: replay.end.descriptor)
            let isLast = remaining == .zero || replay.end.isSet
            let place: Place? = state.change { state in
                let outcome = send(entry, &state)
                let place: Place
                switch outcome {
                case .sent: place = .journal
                case .full where !isLast: return nil
                default: place = spool(entry, because: outcome, &state, &events)
                }
                state.isWaiting = false
                return place
            }
            if let place { return place }
        }
    }

    /// Sends the entry, if journald has room for it.
    private func send(_ entry: OutgoingEntry, _ state: inout State) -> JournalConnection.Outcome {
        let number = state.number.bytes
        let outcome = entry.withPieces(number: number) { pieces in
            state.connection.send(pieces, size: entry.size + number.count)
        }
        if case .sent = outcome {
            state.number.advance()
            counters.sent.add(1, ordering: .relaxed)
            counters.sentBytes.add(UInt64(entry.size), ordering: .relaxed)
        }
        return outcome
    }

    /// Begins to spool, with an entry that was not sent.
    private func spool(
        _ entry: OutgoingEntry, because outcome: JournalConnection.Outcome, _ state: inout State,
        _ events: inout [JournalEvent]
    ) -> Place {
        state.isSpooling = true
        events.append(.spooling(outcome.reason))
        return append(entry, &state, &events)
    }

    private func append(_ entry: OutgoingEntry, _ state: inout State, _ events: inout [JournalEvent]) -> Place {
        let count = append(entry, number: state.number.bytes)
        state.number.advance()
        counters.spooled.add(1, ordering: .relaxed)
        if let error = startReplay(&state) { events.append(.unsendable(error)) }
        return .spool(count)
    }

    private func append(_ entry: OutgoingEntry, number: UnsafeRawBufferPointer) -> UInt64 {
        let received = WallClock.microseconds
        let body = ExportFormat.body(entry, number: number, received: received, bootID: bootID)
        return spool.append(PendingEntry(received: received, body: body))
    }

    /// Why the replay has not started, and is to be started with the next entry; nil where it runs.
    private func startReplay(_ state: inout State) -> SystemError? {
        if state.isReplaying { return nil }
        let hooks = JournalReplay.Hooks(
            caughtUp: { self.state.withLock { state in if self.spool.isEmpty { state.isSpooling = false } } },
            fellBack: { self.state.withLock { $0.isSpooling = true } },
            finish: {
                self.state.withLock { state in
                    guard self.spool.isEmpty else { return false }
                    state.isSpooling = false
                    state.isReplaying = false
                    return true
                }
            })
        do {
            try replay.start(hooks)
            state.isReplaying = true
            return nil
        } catch {
            return error
        }
    }

    // MARK: - The stream

    /// Writes the entry that opens the stream, before the first that is numbered.
    private func openStream(_ state: inout State, _ events: inout [JournalEvent]) {
        state.isOpen = true
        guard let stream = state.number.stream else { return }
        let entry = JournalEntry.opening(stream, after: record.withLock { $0?.previous })
        _ = writeOwn(entry, "MESSAGE=Log stream \(stream.text) begins.", &state, &events)
    }

    /// Notes for the next process which stream this one writes.
    ///
    /// - Parameter last: The number of the last entry; nil while more may come.
    private func recordStream(last: UInt64? = nil) {
        guard let id = stream else { return }
        record.withLock { record in
            // Its end may be written before its beginning.
            if isRecordClosed.exchange(last != nil, ordering: .relaxed) { return }
            try? record?.write(StreamRecord.Stream(id: id, last: last))
        }
    }

    /// Writes the entry that closes the stream, with the number of the last one.
    private func closeStream() {
        var events: [JournalEvent] = []
        var last: UInt64?
        // A call that still waits for journald goes first.
        let place = state.wait { state -> Place? in
            if state.isWaiting { return nil }
            guard state.isOpen, let stream = state.number.stream else { return .journal }
            let number = state.number.last
            last = number
            let entry = JournalEntry.closing(stream, last: number)
            return writeOwn(entry, "MESSAGE=Log stream \(stream.text) ends with number \(number).", &state, &events)
        }
        if let last { recordStream(last: last) }
        if case .spool(let count) = place { try? spool.commit(count) }
        for event in events { report(event) }
    }

    /// Writes an entry about the stream, which has no number itself. journald is not waited for.
    private func writeOwn(
        _ entry: borrowing JournalEntry, _ message: String, _ state: inout State, _ events: inout [JournalEvent]
    ) -> Place {
        var message = message
        let none = UnsafeRawBufferPointer.empty
        return message.withUTF8 { message in
            entry.with(message: UnsafeRawBufferPointer(message)) { entry in
                if !state.isSpooling {
                    let outcome = entry.withPieces(number: none) { state.connection.send($0, size: entry.size) }
                    if case .sent = outcome { return .journal }
                    state.isSpooling = true
                    events.append(.spooling(outcome.reason))
                }
                let count = append(entry, number: none)
                if let error = startReplay(&state) { events.append(.unsendable(error)) }
                return .spool(count)
            }
        }
    }

    private func recovered() {
        if isHolding.exchange(false, ordering: .relaxed) { report(.recovered) }
    }

    private static var currentBootID: String {
        var id = sd_id128_t()
        guard sd_id128_get_boot(&id) == 0 else { return String(repeating: "0", count: 32) }
        return StreamID(id).text
    }
}

extension JournalConnection.Outcome {
    /// Why an entry was not sent.
    fileprivate var reason: String {
        switch self {
        case .full: "systemd-journald takes nothing."
        case .sent, .away, .replaced: "There is no systemd-journald at \(JournalNamespace.ownSocketDirectory)/socket."
        case .failed(let error): error.description
        }
    }
}
