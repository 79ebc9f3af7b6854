import SystemCalls

/// Runs an `async` function on the thread that waits for it, from its beginning to its end.
///
/// The function's task prefers this executor (SE-0417). So what follows an `await` runs on that thread too, and so do child tasks and
/// actors that nobody else uses: what blocks there holds up neither Swift's pool, which has a thread per core, nor anybody who needs
/// it. The main actor, actors with an executor of their own and unstructured tasks run elsewhere. An actor for which several wait runs
/// all their parts on the thread of the first, whatever executor they prefer.
final class ThreadExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isRunning = false
    }

    private let state = Lock(State())
    /// Counts how often there was a first job.
    private let hasJobs = Semaphore()

    /// Runs `operation`, and returns what it returns. One thread at a time may call this.
    ///
    /// - Parameter began: Is given the task before it runs.
    func run<Value: Sendable>(
        _ operation: @escaping @Sendable () async -> Value, began: (Task<Void, Never>) -> Void = { _ in }
    ) -> Value {
        let result = Lock<Value?>(nil)
        state.withLock { $0.isRunning = true }
        let task = Task(executorPreference: self) {
            let value = await operation()
            result.withLock { $0 = value }
        }
        began(task)
        while true {
            hasJobs.wait()
            for job in takeJobs() { job.runSynchronously(on: asUnownedTaskExecutor()) }
            if let value = result.withLock({ $0 }) {
                finish()
                return value
            }
        }
    }

    func enqueue(_ job: UnownedJob) {
        let isFirst: Bool? = state.withLock { state in
            guard state.isRunning else { return nil }
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        switch isFirst {
        case true?: hasJobs.signal()
        case false?: break
        case nil: globalConcurrentExecutor.enqueue(job)
        }
    }

    private func takeJobs() -> [UnownedJob] {
        state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
    }

    /// Nobody waits for the thread any more: jobs that come all the same are for the pool.
    private func finish() {
        let late = state.withLock { state in
            state.isRunning = false
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in late { globalConcurrentExecutor.enqueue(job) }
    }
}
