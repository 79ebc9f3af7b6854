import Glibc
import Logging
import SystemCalls

/// The socket at which osqueryd calls an extension, made again when its name is removed.
///
/// When osqueryd's worker ends, it removes all names that begin with that of its own socket and a dot, those of extensions among them, and
/// only then finishes the query under way (osquery: extensions/interface.cpp, removeStalePaths). Each result looks for the name again. What
/// the worker logs at the very moment of the removal would not find it: so it gets no answers until the socket is made again, and waits.
struct ServedSocket: ~Copyable {
    /// How often the socket is made again.
    private static let maximumSuccessors = 8

    /// How long answers are held back. osqueryd's worker removes the socket some 5 ms after SIGTERM.
    private static let holdLimit = Duration.seconds(1)

    private let server: ExtensionServer
    private let name: NameWatch
    private let logger: Logger
    /// Each takes the place of the one before, which serves the connections that it has.
    private var successors: [ExtensionServer] = []
    private var hasFailed = false

    /// - Parameter server: Which has been started.
    init(_ server: ExtensionServer, logger: Logger) {
        self.server = server
        self.logger = logger
        name = NameWatch(server.socketPath)
    }

    /// Readable once the name may have been removed; nil where ``renewIfRemoved()`` has to be called again and again.
    var descriptor: Int32? { name.descriptor }

    /// Makes the socket again if its name is gone.
    ///
    /// - Returns: Whether it did.
    @discardableResult
    mutating func renewIfRemoved() -> Bool {
        guard name.isRemoved(), !hasFailed else { return false }
        do {
            guard successors.count < Self.maximumSuccessors else {
                throw SystemError("make the extension's socket once more", server.socketPath, code: EMLINK)
            }
            let successor = try server.successor()
            name.renew()
            successors.append(successor)
            try successor.start()
            server.releaseAnswers()
            return true
        } catch {
            hasFailed = true
            logger.error("The extension's socket was removed, and cannot be made again: \(error)")
            return false
        }
    }

    /// Gives no answers from now on, unless the socket was made again before: until it is, until ``stop(within:)``, or for a second.
    func holdAnswers() {
        if successors.isEmpty { server.holdAnswers(for: Self.holdLimit) }
    }

    /// Closes connections that nobody uses any more.
    func closeIdleConnections() {
        for server in [server] + successors { server.closeIdleConnections() }
    }

    /// Removes the socket and takes no more connections; calls under way have `limit` to end.
    func stop(within limit: Duration) {
        for server in successors + [server] { server.stop(within: limit) }
    }
}
