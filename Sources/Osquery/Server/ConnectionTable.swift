import Glibc
import Synchronization

/// Who of the server's threads does what: at most ``limit`` threads, each either waiting for a connection or serving one.
final class ConnectionTable: Sendable {
    /// Threads, and so connections served at once. osqueryd has a handful of callers.
    static let limit = 64
    /// Threads that wait for connections when there is nothing to do.
    private static let spare = 2
    /// Waiting threads beyond which one that has served its connection ends.
    private static let mostSpare = 4

    private struct State {
        /// The connection of each thread; -1 of one that waits for a connection, nil where there is no thread.
        var connections = [Int32?](repeating: nil, count: limit)
        var waiting = 0
        var isStopping = false
    }

    private let state = Mutex(State())
    /// Since when each thread waits for its peer, in milliseconds of ``now``; 0 while it answers a message.
    private let waitingSince = (0..<limit).map { _ in Counter() }

    /// A thread to be started: its number, for the other calls.
    typealias Worker = Int

    /// The threads to begin with.
    func firstWorkers() -> [Worker] {
        state.withLock { state in (0..<Self.spare).compactMap { _ in Self.add(to: &state) } }
    }

    /// A thread has taken `connection`. Where none is left that waits for the next one, answers a thread to start; where
    /// there may be no more, the connection that has been idle longest gives way.
    func accepted(_ connection: Int32, by worker: Worker) -> Worker? {
        waits(worker)
        return state.withLock { state in
            state.connections[worker] = connection
            state.waiting -= 1
            guard state.waiting == 0, !state.isStopping else { return nil }
            if let added = Self.add(to: &state) { return added }
            closeOldest(&state)
            return nil
        }
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
            let goesOn = !state.isStopping && state.waiting < Self.mostSpare
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
        let oldest = Self.now - limit.components.seconds * 1000
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

    /// Whether no thread is left.
    var isEmpty: Bool {
        state.withLock { $0.connections.allSatisfy { $0 == nil } }
    }

    private static func add(to state: inout State) -> Worker? {
        guard let free = state.connections.firstIndex(of: nil) else { return nil }
        state.connections[free] = -1
        state.waiting += 1
        return free
    }

    private func closeOldest(_ state: inout State) {
        let idle = state.connections.indices.filter {
            (state.connections[$0] ?? -1) >= 0 && waitingSince[$0].value.load(ordering: .relaxed) > 0
        }
        let oldest = idle.min {
            waitingSince[$0].value.load(ordering: .relaxed) < waitingSince[$1].value.load(ordering: .relaxed)
        }
        // The thread that serves it sees the end of its connection, closes it and takes the next one.
        if let oldest, let connection = state.connections[oldest] { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    private final class Counter: Sendable {
        let value = Atomic<Int64>(0)
    }
}
