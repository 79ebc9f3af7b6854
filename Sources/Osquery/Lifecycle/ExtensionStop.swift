import SystemCalls

/// Ends the runs of an extension when somebody in the same process asks for it.
final class ExtensionStop: Sendable {
    private struct State {
        var isRequested = false
        var runs: [EndWatch] = []
    }

    private let state = Lock(State())

    /// Ends each run in order, those that begin later as well.
    func stop() {
        let runs = state.withLock { state in
            state.isRequested = true
            return state.runs
        }
        for run in runs { run.end(because: .requested) }
    }

    /// A run begins.
    func begin(_ run: EndWatch) {
        let isRequested = state.withLock { state in
            state.runs.append(run)
            return state.isRequested
        }
        if isRequested { run.end(because: .requested) }
    }

    /// A run has ended.
    func finish(_ run: EndWatch) {
        state.withLock { $0.runs.removeAll { $0 === run } }
    }
}
