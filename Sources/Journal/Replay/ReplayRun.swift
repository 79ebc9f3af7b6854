import Glibc
import SystemCalls

/// One run of the replay: entries from the spool are sent, and forgotten when they are confirmed to be in the journal.
///
/// What was sent and is not confirmed is the window. A process that is killed leaves a window in the spool; its successor looks for the
/// first entries of what it takes over in the journal, and sends only those that are not there.
struct ReplayRun: ~Copyable {
    /// An entry that was sent.
    private struct Sent {
        let source: Int
        let number: Int64
        let id: EntryID?
        let size: Int
    }

    /// journald's absence is noticed at once when it ends, by inotify; this is for what inotify does not tell.
    private static let patience: Int32 = 1000
    /// What a window may hold.
    private static let maximumCount = 8192
    private static let maximumBytes = 8 << 20
    private static let maximumAge = Duration.seconds(5)
    /// Entries without a number, of which none can be looked for: after a kill, so many can be in the journal twice.
    private static let maximumUnnumbered = 64
    /// Of what another process has left, how many entries may be in the journal already.
    private static let maximumLookups = Int64(maximumCount) + 256
    /// How long journald may be busy with what was sent before it counts as lost.
    private static let maximumDoubt = Duration.seconds(120)
    /// Bytes of an entry that may be too large for a file of the journal, of which the smallest has 512 KiB, and how often it must have
    /// failed to arrive.
    private static let suspiciousSize = 256 << 10
    private static let suspiciousMisses = 3
    /// How long at least entries are sent again that do not arrive, beside twice the interval of the rate limit.
    private static let minimumPatience = 10.0
    /// Of entries none of which has arrived, how many are sent again to see whether any does.
    private static let maximumVain = 64
    /// How often journald may take an entry and not keep it, though it keeps others.
    private static let maximumMisses = 5
    private static let maximumPause: Int32 = 30_000
    /// How long a rate limit is believed to hold.
    private static let paceLifetime = Duration.seconds(30)

    private let spool: Spool
    private let confirmation: Confirmation
    private let ownStream: StreamID?
    private let end: WakeEvent
    private let report: (JournalEvent) -> Void
    private let count: (Int) -> Void

    private var connection = JournalConnection()
    private var pace = Pace(RateLimit.current)
    private var paceUpdated = ContinuousClock.now
    private var window: [Sent] = []
    private var windowBytes = 0
    private var unnumbered = 0
    private var windowStart = ContinuousClock.now
    /// The connection that it was sent on, and whether that is no more.
    private var generation = 0
    private var isDoubtful = false
    /// Whether the window was to be confirmed before an entry that is in memory only was sent.
    private var hasConfirmedEarly = false
    /// When the first of the window was sent, in microseconds since 1970.
    private var windowTime: UInt64 = 0
    private var sendTime: UInt64 = 0
    /// Entries that are in the journal already, though the spool still has them.
    private var present: Set<EntryID> = []
    /// Of each source, up to which number entries are looked for before they are sent.
    private var lookupEnds: [Int: Int64] = [:]
    /// How often entries that were sent have not arrived.
    private var misses: [EntryID: Int] = [:]
    /// How often in a row something has not arrived, and since when.
    private var failures = 0
    private var failureStart: ContinuousClock.Instant?
    /// Whether nothing of what was sent last has arrived.
    private var isVain = false
    private var doubtStart: ContinuousClock.Instant?
    /// Whether it was said that the journal cannot be flushed.
    private var isUnflushed = false
    private var replayed = 0

    init(
        spool: Spool, confirmation: Confirmation, ownStream: StreamID?, end: WakeEvent,
        report: @escaping (JournalEvent) -> Void, count: @escaping (Int) -> Void
    ) {
        self.spool = spool
        self.confirmation = confirmation
        self.ownStream = ownStream
        self.end = end
        self.report = report
        self.count = count
    }

    mutating func run(_ hooks: JournalReplay.Hooks) {
        var hasBegun = false
        var hasFailed = false
        while !end.isSet {
            guard case .some = connection.room(waiting: Self.patience, wake: end.descriptor) else { continue }
            if isDoubtful {
                // Before anything else is sent: what is missing comes first.
                confirm(hooks)
                isDoubtful = !window.isEmpty
                if !isDoubtful { spool.rewind() }
                continue
            }
            var error: SystemError?
            let next = spool.next { error = $0 }
            if let error, !hasFailed { report(.unreadable(error)) }
            hasFailed = error != nil
            if case .nothing = next {
            } else if !hasBegun {
                report(.replaying(rate: pace.rate))
                hasBegun = true
            }
            switch next {
            case .stored(let items):
                replay(items)
                if isWindowFull { confirm(hooks) }
            case .pending where !window.isEmpty && !hasConfirmedEarly:
                // A database of which all is forgotten can be appended to, whatever commit has failed.
                spool.finish(sent: false)
                hasConfirmedEarly = true
                confirm(hooks)
            case .pending(let entry):
                // Once: others may put it onto the disk meanwhile.
                let isSent = send(ExportFormat.limited(entry.body) ?? entry.body, isStored: false)
                spool.finish(sent: isSent)
                if isSent {
                    count(1)
                    replayed += 1
                } else if !isDoubtful {
                    _ = end.isSet(within: Self.patience)
                }
            case .nothing where !window.isEmpty:
                hooks.caughtUp()
                confirm(hooks)
            case .nothing where hasFailed:
                spool.pause(Int(Self.patience))
            case .nothing:
                spool.settle()
                if !end.isSet && hooks.finish() { return report(.replayed(entries: replayed)) }
            }
        }
        confirmAtLast()
    }

    // MARK: - Sending

    private mutating func replay(_ items: [SpoolStore.Item]) {
        lookFor(items)
        for item in items {
            if window.isEmpty { sendTime = WallClock.microseconds }
            let id = ExportFormat.id(of: item.entry.body)
            if let id, present.contains(id) {
                add(item, id)
                continue
            }
            guard send(fitting(item.entry.body, id), isStored: true) else { return }
            add(item, id)
        }
    }

    private mutating func add(_ item: SpoolStore.Item, _ id: EntryID?) {
        if window.isEmpty {
            windowStart = .now
            windowTime = sendTime
            generation = connection.generation
        }
        window.append(Sent(source: item.source, number: item.entry.number, id: id, size: item.entry.body.count))
        windowBytes += item.entry.body.count
        if id == nil { unnumbered += 1 }
    }

    /// Looks for entries that another process may have sent before it ended.
    private mutating func lookFor(_ items: [SpoolStore.Item]) {
        var wanted: Set<EntryID> = []
        var isFirst = false
        for item in items {
            isFirst = isFirst || lookupEnds[item.source] == nil
            let last = lookupEnds[item.source] ?? item.entry.number + Self.maximumLookups
            lookupEnds[item.source] = last
            if item.entry.number < last, let id = ExportFormat.id(of: item.entry.body), id.stream != ownStream {
                wanted.insert(id)
            }
        }
        if wanted.isEmpty { return }
        // What that process has sent may still be in journald's queue.
        if isFirst { waitForQueue() }
        present.formUnion(confirmation.find(wanted))
    }

    /// Returns when journald has written what was sent to it by now, or does not answer for long.
    private func waitForQueue() {
        let start = ContinuousClock.now
        while confirmation.synchronize() == .timedOut, !end.isSet, start.duration(to: .now) < Self.maximumDoubt {}
    }

    /// The entry as journald can take it.
    private func fitting(_ body: [UInt8], _ id: EntryID?) -> [UInt8] {
        if let id, misses[id, default: 0] >= Self.suspiciousMisses, body.count >= Self.suspiciousSize {
            if misses[id] == Self.suspiciousMisses { report(.shortened(bytes: body.count)) }
            return ExportFormat.shortened(body)
        }
        return ExportFormat.limited(body) ?? body
    }

    /// Sends an entry once journald has room for it; false when the replay stops before.
    ///
    /// - Parameter isStored: Whether it is on the disk, where it can wait. Otherwise it is tried once.
    private mutating func send(_ body: [UInt8], isStored: Bool) -> Bool {
        while let pause = pace.take() {
            if end.isSet(within: pause) { return false }
        }
        var failures = 0
        while true {
            let generation = window.isEmpty ? nil : generation
            switch ExportFormat.withPieces(of: body, { connection.send($0, size: $1, on: generation) }) {
            case .sent:
                return true
            case .replaced:
                isDoubtful = true
                return false
            case .full, .away:
                guard isStored else { return false }
                // Perhaps for long: what cannot be looked for is not to come again if this process ends meanwhile.
                forgetUnnumbered()
                _ = connection.room(waiting: Self.patience, wake: end.descriptor)
            case .failed(let error):
                if sendByLibrary(body) && !connection.hasChanged() { return true }
                failures += 1
                if failures == 2 { report(.unsendable(error)) }
                guard isStored else { return false }
                _ = end.isSet(within: Self.patience)
            }
            if end.isSet { return false }
        }
    }

    /// What is left where there can be no file in memory. Its 0 is also for an entry that is lost because journald has just gone.
    private func sendByLibrary(_ body: [UInt8]) -> Bool {
        var bytes = body
        return bytes.withUnsafeMutableBytes { bytes in
            ExportFormat.withFields(of: bytes) { fields in (try? JournalMessage.send(fields)) != nil }
        }
    }

    // MARK: - Confirming

    /// What of the window was sent, and not found before.
    private var sentIDs: [EntryID] { window.compactMap(\.id).filter { !present.contains($0) } }

    private var isWindowFull: Bool {
        window.count >= (isVain ? Self.maximumVain : Self.maximumCount) || windowBytes >= Self.maximumBytes
            || unnumbered >= Self.maximumUnnumbered
            || !window.isEmpty && windowStart.duration(to: .now) >= Self.maximumAge
    }

    private mutating func confirm(_ hooks: JournalReplay.Hooks) {
        let ids = sentIDs
        switch confirmation.confirm(ids, since: windowTime, isPatient: isPatient) {
        case .confirmed:
            if confirmation.isVolatile { report(.volatile) }
            succeed()
        case .impossible(let error):
            report(.unconfirmed(error))
            succeed()
        case .unflushed(let error):
            if !isUnflushed { report(.unsendable(error)) }
            isUnflushed = true
            _ = end.isSet(within: Self.patience)
        case .undecided(let found, let error):
            if end.isSet { return }
            // What is in the queue of a journald that stands still is not lost, however long that takes.
            if doubtStart == nil || connection.generation == generation && connection.hasUnread { doubtStart = .now }
            if let start = doubtStart, start.duration(to: .now) < Self.maximumDoubt {
                _ = end.isSet(within: Self.patience)
            } else {
                let silence = SystemError("hear from", "journald", code: ETIMEDOUT)
                if found.count < ids.count { report(.unconfirmed(error ?? silence)) }
                succeed()
            }
        case .missing(let found, let isDiskFull):
            sendAgain(but: found, isDiskFull: isDiskFull, hooks)
        }
    }

    /// All of the window is in the journal.
    private mutating func succeed() {
        forgetWindow { _ in true }
        count(window.count)
        replayed += window.count
        clearWindow()
        (present, misses, failures, failureStart, isVain, isUnflushed) = ([], [:], 0, nil, false, false)
        pace.recover()
        if paceUpdated.duration(to: .now) >= Self.paceLifetime {
            pace.set(RateLimit.current)
            paceUpdated = .now
        }
    }

    /// What has not arrived is sent again, after a pause.
    private mutating func sendAgain(but found: Set<EntryID>, isDiskFull: Bool, _ hooks: JournalReplay.Hooks) {
        let sent = sentIDs
        isVain = found.isEmpty
        present.formUnion(found)
        if !isDiskFull && !isDoubtful { countMisses() }
        forgetUnnumbered()
        forgetWindow { [present] sent in sent.id.map { present.contains($0) } ?? true }
        clearWindow()
        hooks.fellBack()
        spool.rewind()
        // With journald its queue has gone, and nothing has to be slower for that.
        if isDoubtful { return }
        failures += 1
        if failures == 1 { report(.missing(entries: sent.count - found.count)) }
        failureStart = failureStart ?? .now
        pace.slowDown()
        _ = end.isSet(within: min(Self.maximumPause, 250 << Int32(min(failures, 8))))
    }

    /// Counts how often journald has taken an entry and not kept it, though it keeps one that comes later; one that it never keeps must not
    /// hold up the others.
    private mutating func countMisses() {
        let last = window.lastIndex { $0.id.map { present.contains($0) } ?? false } ?? 0
        var refused = 0
        for (index, entry) in window.enumerated() {
            guard let id = entry.id, !present.contains(id) else { continue }
            let isLarge = entry.size >= Self.suspiciousSize
            guard isLarge || index < last else { continue }
            misses[id, default: 0] += 1
            if !isPatient && misses[id, default: 0] >= Self.maximumMisses {
                refused += 1
                present.insert(id)
            }
        }
        if refused > 0 { report(.refused(entries: refused)) }
    }

    /// Whether what does not arrive may still be kept from the journal by the rate limit, which others of the unit can have used up.
    private var isPatient: Bool {
        guard let failureStart else { return true }
        let limit = max(Self.minimumPatience, 2 * (pace.interval ?? 0))
        return failures < Self.suspiciousMisses || failureStart.duration(to: .now) < .seconds(limit)
    }

    private mutating func clearWindow() {
        hasConfirmedEarly = false
        window.removeAll()
        (windowBytes, unnumbered, doubtStart) = (0, 0, nil)
    }

    /// Forgets what is in the journal: of each source, all that comes before the first entry that is not.
    private func forgetWindow(where isThere: (Sent) -> Bool) {
        var numbers: [Int: Int64] = [:]
        var ended: Set<Int> = []
        for sent in window where !ended.contains(sent.source) {
            if isThere(sent) { numbers[sent.source] = sent.number } else { ended.insert(sent.source) }
        }
        spool.forget(numbers)
    }

    private func forgetUnnumbered() {
        if unnumbered > 0 { forgetWindow { $0.id == nil } }
    }

    /// Confirms what was sent before the process ends, if journald answers soon.
    private mutating func confirmAtLast() {
        forgetUnnumbered()
        if window.isEmpty { return }
        switch confirmation.confirm(sentIDs, since: windowTime, isPatient: true, lastMilliseconds: 300) {
        case .confirmed: succeed()
        case .missing(let found, _), .undecided(let found, _):
            forgetWindow { sent in sent.id.map { found.contains($0) || present.contains($0) } ?? true }
        // The next process finds out.
        case .impossible, .unflushed: break
        }
    }
}
