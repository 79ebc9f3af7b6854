import CLinux
import Glibc
package import Logging
import Synchronization
package import SystemCalls
import Thrift

/// Answers osqueryd at a unix socket: a thread waits in `accept` and serves the connection that it gets to its end. There is no
/// hand-over between threads, since every plugin call of osqueryd is two new connections.
///
/// Only root and our own user are answered. A plugin call that takes long holds its own thread, and nobody else for longer than
/// a moment: ``ConnectionTable`` says when another thread is needed.
package final class ExtensionServer: Sendable {
    /// A connection on which nothing has happened for so long is closed.
    private static let idleLimit = Duration.seconds(60)
    /// How long a connection may hold up the next one at the worst, in microseconds.
    private static let tick: UInt32 = 10_000

    package let socketPath: String
    private let listener: FileDescriptor
    private let processor: any MessageProcessor
    private let table = ConnectionTable()
    private let ticks = Semaphore()
    private let gates = (0..<ConnectionTable.limit).map { _ in CallGate() }
    private let spare = SpareBuffer()
    private let activity: ExtensionActivity
    private let hold = AnswerHold()
    private let saidForeignUser = Said()
    private let saidMalformed = Said()
    private let logger: Logger
    private let onShutdown: @Sendable () -> Void

    /// Begins to listen; connections are queued from now on, and answered after ``start()``.
    ///
    /// - Parameters:
    ///   - socketPath: Where to listen. The socket that a dead process left there is replaced; anything else is left alone
    ///     and is an error.
    ///   - onShutdown: Called when osqueryd has told the extension to end, and has its answer.
    package init(
        socketPath: String, processor: any MessageProcessor, activity: ExtensionActivity, logger: Logger,
        onShutdown: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        try Self.removeStaleSocket(at: socketPath)
        listener = try UnixSocket.listen(at: socketPath)
        self.socketPath = socketPath
        self.processor = processor
        self.activity = activity
        self.logger = logger
        self.onShutdown = onShutdown
    }

    /// Another server at the same path, which answers the same, for a socket whose name was removed. It is not started.
    func successor() throws(SystemError) -> ExtensionServer {
        try ExtensionServer(
            socketPath: socketPath, processor: processor, activity: activity, logger: logger, onShutdown: onShutdown)
    }

    /// Holds answers back until ``releaseAnswers()``, for so long at most: calls are taken, and their callers wait.
    func holdAnswers(for limit: Duration) { hold.begin(for: limit) }
    /// Sends the answers that were held back, and those that follow.
    func releaseAnswers() { hold.end() }

    /// Starts to answer.
    package func start() throws(SystemError) {
        try BlockingThread.start { self.watch() }
        if let worker = table.firstWorker() { try start(worker) }
    }

    /// Starts to answer on threads where no signal is blocked, though the caller's may be one of Swift's pool, where nearly all are.
    package func startUnblocked() async throws(SystemError) {
        let result: Result<Void, SystemError> = try await BlockingThread.run {
            EndingSignals.unblock()
            return Result { () throws(SystemError) in try self.start() }
        }
        try result.get()
    }

    /// Closes connections that nobody uses any more.
    func closeIdleConnections() {
        table.closeIdle(longerThan: Self.idleLimit)
    }

    /// Removes the socket and takes no more connections; calls under way have `limit` to end.
    package func stop(within limit: Duration) {
        unlink(socketPath)
        releaseAnswers()
        table.stop()
        // Ends every accept(2) with EINVAL.
        shutdown(listener.rawValue, Int32(SHUT_RDWR))
        ticks.signal()
        let deadline = Deadline(in: limit)
        while !table.isEmpty && !deadline.hasPassed { usleep(1000) }
    }

    private static func removeStaleSocket(at path: String) throws(SystemError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError("make a socket at", path, code: EEXIST) }
        do {
            _ = try UnixSocket.connect(to: path, timeout: .seconds(1))
        } catch {
            guard error.code == ECONNREFUSED else { throw error }
            unlink(path)
            return
        }
        throw SystemError("make a socket at", path, code: EADDRINUSE)
    }
}

// MARK: - A thread's work

extension ExtensionServer {
    private func start(_ worker: ConnectionTable.Worker) throws(SystemError) {
        do {
            try BlockingThread.start { self.run(worker) }
        } catch {
            table.failedToStart(worker)
            throw error
        }
    }

    private func startAnother(_ worker: ConnectionTable.Worker) {
        do {
            try start(worker)
        } catch {
            logger.error("One connection after the other is served: \(error)")
        }
    }

    /// Sees to it that a thread which is held up holds up nobody else. Asleep while there is nothing to do.
    private func watch() {
        while true {
            ticks.wait()
            ticking: while true {
                usleep(Self.tick)
                spare.age()
                switch table.tick() {
                case .goOn: break
                case .start(let worker): startAnother(worker)
                case .rest:
                    spare.drop()
                    break ticking
                }
                cancelAbandoned()
            }
            if table.isStopped { return }
        }
    }

    /// Cancels calls whose callers are gone, on a thread of its own: the cancellation handlers of plugins may block.
    private func cancelAbandoned() {
        var tasks: [Task<Void, Never>] = []
        table.forEachAbandoned { worker in
            if let task = gates[worker].takeTask() { tasks.append(task) }
        }
        if tasks.isEmpty { return }
        do {
            try BlockingThread.start { [tasks] in for task in tasks { task.cancel() } }
        } catch {
            logger.error("A call whose caller is gone goes on: \(error)")
        }
    }

    private func run(_ worker: ConnectionTable.Worker) {
        var receiver = MessageReceiver(spare: spare)
        var writer = ThriftWriter()
        repeat {
            guard let connection = accept() else { return table.ended(worker) }
            switch table.accepted(connection, by: worker) {
            case .none: break
            case .start(let another): startAnother(another)
            case .beginTicking: ticks.signal()
            }
            activity.countConnection()
            let isShutdown = serve(connection, worker, &receiver, &writer, gates[worker])
            let goesOn = table.finished(worker)
            close(connection)
            receiver.reset()
            if isShutdown { onShutdown() }
            if !goesOn { return }
        } while true
    }

    /// Waits for a connection; nil when the server stops.
    private func accept() -> Int32? {
        while true {
            let connection = accept4(listener.rawValue, nil, nil, Int32(SOCK_CLOEXEC.rawValue))
            if connection >= 0 { return connection }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                logger.error("\(SystemError("take a connection at", socketPath))")
                usleep(100_000)
            default: return nil
            }
        }
    }

    /// Answers a connection's messages until it ends; whether one of them was `shutdown`.
    private func serve(
        _ connection: Int32, _ worker: ConnectionTable.Worker,
        _ receiver: inout MessageReceiver, _ writer: inout ThriftWriter, _ gate: CallGate
    ) -> Bool {
        guard let user = UnixSocket.peerUser(of: connection), user == 0 || user == geteuid() else {
            logger.log(level: saidForeignUser.level, "A connection of another user than root and our own was refused.")
            return false
        }
        while true {
            var outcome = AnswerOutcome.close
            do {
                let message = try receiver.next(from: connection)
                activity.countMessage()
                table.answers(worker)
                outcome = processor.answer(message, into: &writer, gate)
            } catch {
                guard case .malformed(let error, let header, let name) = error else { return false }
                logger.log(level: saidMalformed.level, "A message that is no call of osqueryd's was refused: \(error)")
                processor.answerMalformed(error, header, name: name, into: &writer)
            }
            hold.wait()
            table.waits(worker)
            do {
                try UnixSocket.send(writer, to: connection)
            } catch {
                logger.debug("An answer was not taken: \(error)")
                outcome = outcome == .shutdown ? .shutdown : .close
            }
            writer.removeAll()
            if outcome != .goOn { return outcome == .shutdown }
        }
    }
}

/// Makes the first word on something loud and those that follow quiet, so that a peer cannot flood the log.
private final class Said: Sendable {
    private let before = Atomic(false)

    var level: Logger.Level {
        before.exchange(true, ordering: .relaxed) ? .debug : .warning
    }
}
