import Glibc
public import SystemCalls

/// Why an extension cannot go on.
public enum ExtensionError: Error, CustomStringConvertible {
    /// osqueryd did not answer within the timeout.
    case notReached(ManagerError, timeout: Duration)
    /// osqueryd answered, and did not want the extension.
    case refused(ManagerError)
    /// The socket may not be used by us.
    case notPermitted(SystemError)
    /// Something that the extension itself needs did not work.
    case failed(SystemError)

    /// The exit code for it, from sysexits.h.
    public var exitCode: Int32 {
        switch self {
        case .notReached, .refused: 69  // EX_UNAVAILABLE
        case .failed: 70  // EX_SOFTWARE
        case .notPermitted: 77  // EX_NOPERM
        }
    }

    /// What went wrong, as a sentence.
    public var description: String {
        switch self {
        case .notReached(let error, let timeout):
            "osqueryd was not reached within \(timeout.components.seconds) s. \(error)"
        case .refused(let error):
            "osqueryd did not register this extension. \(error)"
        case .notPermitted(let error):
            "\(error) Start the extension as the user that osqueryd runs as."
        case .failed(let error):
            "\(error)"
        }
    }
}
