import Glibc

/// Why systemd could not be asked.
package enum SystemdError: Error, Equatable, CustomStringConvertible {
    /// This system was not booted by systemd (sd_booted(3)).
    case notBooted
    /// A call to sd-bus failed; the code is errno's.
    case failed(String, code: Int32)
    /// systemd answered with an error: its D-Bus name and text.
    case refused(String, name: String, message: String)

    /// What libsystemd answered to `operation`, below zero where it failed.
    @discardableResult
    static func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(SystemdError) -> Int32 {
        guard result < 0 else { return result }
        throw .failed(operation(), code: -result)
    }

    /// What came is no D-Bus message as libsystemd hands them out.
    static var malformed: SystemdError { .failed("read a message", code: EBADMSG) }

    /// Whether the connection is lost, so that a new one may do better.
    var isLostConnection: Bool {
        guard case .failed(_, let code) = self else { return false }
        return [ENOTCONN, ECONNRESET, EPIPE, ESTALE, EBADF, ECHILD].contains(code)
    }

    package var description: String {
        switch self {
        case .notBooted:
            "systemd does not run here: this system, or container, was not booted by it."
        case .failed(let operation, let code):
            "Cannot \(operation) over D-Bus: \(String(cString: strerror(code)))."
        case .refused(let operation, let name, let message):
            "systemd did not \(operation): \(message) (\(name))."
        }
    }
}
