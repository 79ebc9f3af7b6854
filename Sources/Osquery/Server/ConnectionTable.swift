import Glibc
import Synchronization
import SystemCalls

/// Who of the server's threads does what: at most ``limit`` threads, each either waiting for a connection or serving one.
///
/// As a rule one thread alone takes all connections, since two that wait take turns, and each turn costs a switch of threads:
/// 90 ms of CPU per 1,000 lines instead of 62. When that one is held up by a plugin or a silent peer, ``tick()`` notices, and for
/// a while there is always another thread that waits.
final class ConnectionTable: Sendable {
    /// Threads, and so connections served at once. osqueryd has a handful of callers.
    static let limit = 64
    /// Threads waiting for connections beyond which one that has served its connection ends.
    private static let mostWaiting = (usually: 1, crowded: 4)
    /// Ticks without a thread held up after which one waiting thread is enough again.
    private static let crowdedTicks = 100

    private struct State {
        /// The connection of each thread; -1 of one that waits for a connection, nil where there is no thread.
        var connections = [Int32?](repeating: nil, count: limit)
        var waiting = 0
        /// Connections taken so far.
        var accepted = 0
        var acceptedAtTick = 0
        /// Whether somebody calls ``tick()``.
        var isTicking = false
        /// Ticks for which there shall be a waiting thread at all times.
        var crowded = 0
        var isStopping = false
    }

    private let state = Lock(State())
    /// Since when each thread waits for its peer, in microseconds of ``now``; 0 while it answers a message.
    private let waitingSince = (0..<limit).map { _ in Counter() }

    /// A thread to be started: its number, for the other calls.
    typealias Worker = Int

    /// What a thread is to do besides, now that it has taken a connection.
    enum Duty {
        case none
        case start(Worker)
        case beginTicking
    }

    /// The thread to begin with.
    func firstWorker() -> Worker? {
        state.withLock { Self.add(to: &$0) }
    }

    /// A thread has taken `connection`. Where it is crowded and none is left that waits for the next one, another is to be
    /// started; where there may be no more, the connection that has been idle longest gives way.
    func accepted(_ connection: Int32, by worker: Worker) -> Duty {
        waits(worker)
        return state.withLock { state in
            state.connections[worker] = connection
            state.waiting -= 1
            state.accepted += 1
            if state.isStopping { return .none }
            if state.crowded > 0 && state.waiting == 0 {
                return makeRoom(&state, sparing: worker).map(Duty.start) ?? .none
            }
            if state.isTicking { return .none }
            state.isTicking = true
            return .beginTicking
        }
    }

    /// What is to be done a little while after connections were taken.
    enum TickOutcome {
        case goOn
        /// Whoever waits for connections is held up.
        case start(Worker)
        /// Nothing happens: no tick until ``accepted(_:by:)`` asks for it.
        case rest
    }

    /// Looks whether connections are still being taken.
    func tick() -> TickOutcome {
        state.withLock { state in
            defer { state.acceptedAtTick = state.accepted }
            let isHeldUp = state.waiting == 0 && state.accepted == state.acceptedAtTick
            state.crowded = isHeldUp ? Self.crowdedTicks : max(0, state.crowded - 1)
            if !state.isStopping, isHeldUp { return makeRoom(&state).map(TickOutcome.start) ?? .goOn }
            let isQuiet =
                state.waiting > 0 && state.crowded == 0 && state.accepted == state.acceptedAtTick
                && !state.connections.indices.contains { isAnswering($0, state) }
            guard isQuiet || state.isStopping else { return .goOn }
            state.isTicking = false
            return .rest
        }
    }

    /// Calls `body` for each thread that answers a message whose sender has closed the connection. Until `body` returns no
    /// thread goes on to another connection.
    func forEachAbandoned(_ body: (Worker) -> Void) {
        state.withLock { state in
            for worker in state.connections.indices where isAnswering(worker, state) {
                var descriptor = pollfd(fd: state.connections[worker] ?? -1, events: 0, revents: 0)
                if poll(&descriptor, 1, 0) > 0, descriptor.revents & Int16(POLLHUP | POLLERR) != 0 { body(worker) }
            }
        }
    }

    private func isAnswering(_ worker: Worker, _ state: borrowing State) -> Bool {
        (state.connections[worker] ?? -1) >= 0 && waitingSince[worker].value.load(ordering: .relaxed) == 0
    }

    /// A thread could not be started after all.
    func failedToStart(_ worker: Worker) {
        state.withLock { state in
            state.connections[worker] = nil
            state.waiting -= 1
        }
    }

    /// The thread waits for its peer, to send or to take.
    func waits(_ worker: Worker) {
        waitingSince[worker].value.store(Self.now, ordering: .relaxed)
    }

    /// The thread answers a message: its connection is not idle, however long that takes.
    func answers(_ worker: Worker) {
        waitingSince[worker].value.store(0, ordering: .relaxed)
    }

    /// The thread is about to close its connection; whether it shall wait for another.
    func finished(_ worker: Worker) -> Bool {
        state.withLock { state in
            let mostWaiting = state.crowded > 0 ? Self.mostWaiting.crowded : Self.mostWaiting.usually
            let goesOn = !state.isStopping && state.waiting < mostWaiting
            state.connections[worker] = goesOn ? -1 : nil
            if goesOn { state.waiting += 1 }
            return goesOn
        }
    }

    /// The thread, which was waiting for a connection, ends.
    func ended(_ worker: Worker) {
        state.withLock { state in
            state.connections[worker] = nil
            state.waiting -= 1
        }
    }

    /// Closes the connections whose peers have been silent for longer than `limit`.
    func closeIdle(longerThan limit: Duration) {
        let oldest = Self.now - limit.components.seconds * 1_000_000
        state.withLock { state in
            for (worker, connection) in state.connections.enumerated() {
                let since = waitingSince[worker].value.load(ordering: .relaxed)
                if let connection, connection >= 0, since > 0, since < oldest { shutdown(connection, Int32(SHUT_RDWR)) }
            }
        }
    }

    /// No further connection and no further message: answers under way can still be sent.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            for case let connection? in state.connections where connection >= 0 { shutdown(connection, Int32(SHUT_RD)) }
        }
    }

    /// Whether ``stop()`` has been called.
    var isStopped: Bool {
        state.withLock { $0.isStopping }
    }

    /// Whether no thread is left.
    var isEmpty: Bool {
        state.withLock { $0.connections.allSatisfy { $0 == nil } }
    }

    /// A thread to start, or, where there may be no more, nil, and the end of the connection that was idle longest.
    private func makeRoom(_ state: inout State, sparing newest: Worker? = nil) -> Worker? {
        if let added = Self.add(to: &state) { return added }
        closeOldest(&state, sparing: newest)
        return nil
    }

    private static func add(to state: inout State) -> Worker? {
        guard let free = state.connections.firstIndex(of: nil) else { return nil }
        state.connections[free] = -1
        state.waiting += 1
        return free
    }

    /// - Parameter newest: The thread whose connection was taken just now, and is spared.
    private func closeOldest(_ state: inout State, sparing newest: Worker?) {
        let idle = state.connections.indices.filter {
            $0 != newest && (state.connections[$0] ?? -1) >= 0 && waitingSince[$0].value.load(ordering: .relaxed) > 0
                && !UnixSocket.hasInput(state.connections[$0] ?? -1)
        }
        let oldest = idle.min {
            waitingSince[$0].value.load(ordering: .relaxed) < waitingSince[$1].value.load(ordering: .relaxed)
        }
        // The thread that serves it sees the end of its connection, closes it and takes the next one.
        if let oldest, let connection = state.connections[oldest] { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    private static var now: Int64 {
        var time = timespec()
        // Not the coarse clock: among connections of the same tick the newest would be taken for the oldest.
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    private final class Counter: Sendable {
        let value = Atomic<Int64>(0)
    }
}
