public import SystemCalls

/// A call to osqueryd that did not succeed.
public struct ManagerError: Error, CustomStringConvertible {
    /// What went wrong.
    public enum Reason: Error {
        /// Nobody listens at the socket, or we may not connect to it.
        case notReached(SystemError)
        /// No answer came in time.
        case timedOut
        /// The connection ended before the answer was complete.
        case closed
        /// The answer is not what the method answers; the text says why.
        case badReply(String)
        /// osqueryd could not do what the message asked for (TApplicationException).
        case exception(String)
        /// osqueryd answered with a status other than 0.
        case refused(code: Int32, message: String)
        /// The extension is to end.
        case interrupted
    }

    /// The method called, as osquery.thrift names it.
    public let method: String
    /// osqueryd's extension socket.
    public let socketPath: String
    /// What went wrong.
    public let reason: Reason

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
            "\(call): given up, because the extension ends."
        }
    }
}
