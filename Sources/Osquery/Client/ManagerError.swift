package import SystemCalls

/// A call to osqueryd that did not succeed.
public struct ManagerError: Error, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// Nobody listens at the socket, or this process may not connect to it; ``ManagerError/errno`` tells which.
        public static let notReached = Code(description: "notReached")
        /// No answer came in time.
        public static let timedOut = Code(description: "timedOut")
        /// The connection ended before the answer was complete.
        public static let closed = Code(description: "closed")
        /// The answer is not one of this method.
        public static let badReply = Code(description: "badReply")
        /// osqueryd could not do what the message asked for (TApplicationException).
        public static let exception = Code(description: "exception")
        /// osqueryd answered with a status other than 0, which is ``ManagerError/status``.
        public static let refused = Code(description: "refused")
        /// The task that made the call was cancelled.
        public static let interrupted = Code(description: "interrupted")
    }

    /// What went wrong, with what the package knows of it.
    package enum Reason: Error {
        case notReached(SystemError)
        case timedOut
        case closed
        case badReply(String)
        case exception(String)
        case refused(code: Int32, message: String)
        case interrupted
    }

    /// The method called, as osquery.thrift names it.
    public let method: String
    /// osqueryd's extension socket.
    public let socketPath: String
    package let reason: Reason

    package init(method: String, socketPath: String, reason: Reason) {
        self.method = method
        self.socketPath = socketPath
        self.reason = reason
    }

    /// The kind of failure.
    public var code: Code {
        switch reason {
        case .notReached: .notReached
        case .timedOut: .timedOut
        case .closed: .closed
        case .badReply: .badReply
        case .exception: .exception
        case .refused: .refused
        case .interrupted: .interrupted
        }
    }

    /// The status that osqueryd answered with, where it ``Code/refused`` the call.
    public var status: ExtensionStatus? {
        guard case .refused(let code, let message) = reason else { return nil }
        return ExtensionStatus(code: code, message: message)
    }

    /// The system call's error that made the call fail, where one did.
    public var underlyingError: (any Error)? {
        guard case .notReached(let error) = reason else { return nil }
        return error
    }

    /// The number of that error (errno(3)).
    public var errno: Int32? {
        guard case .notReached(let error) = reason else { return nil }
        return error.code
    }

    /// What went wrong, as a sentence.
    public var description: String {
        let call = "\(method) at \(socketPath)"
        return switch reason {
        case .notReached(let error):
            "\(call): \(error) Is osqueryd running, with --extensions_socket=\(socketPath)?"
        case .timedOut:
            "\(call): osqueryd did not answer in time."
        case .closed:
            "\(call): osqueryd closed the connection before it had answered."
        case .badReply(let why):
            "\(call): the answer is not one of osqueryd's: \(why)"
        case .exception(let message):
            "\(call): osqueryd could not do it: \(message)"
        case .refused(let code, let message):
            "\(call): osqueryd answered with status \(code): \(message)"
        case .interrupted:
            "\(call): given up, because the caller does not need the answer any more."
        }
    }
}
