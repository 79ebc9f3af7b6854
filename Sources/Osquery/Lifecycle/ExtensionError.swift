import Glibc
package import SystemCalls

/// Why an extension cannot go on.
public struct ExtensionError: Error, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// osqueryd did not answer within the timeout.
        public static let notReached = Code(description: "notReached")
        /// osqueryd answered, and did not want the extension.
        public static let refused = Code(description: "refused")
        /// This process may not use the socket.
        public static let notPermitted = Code(description: "notPermitted")
        /// A system call that the extension needs did not work.
        public static let failed = Code(description: "failed")
    }

    /// The kind of failure.
    public let code: Code
    /// What made the extension fail: a ``ManagerError``, a ``PluginError`` or the error of a system call.
    public let underlyingError: any Error
    /// What went wrong, as a sentence.
    public let description: String

    /// The exit code for it, from sysexits.h.
    public var exitCode: Int32 {
        switch code {
        case .notReached, .refused: 69  // EX_UNAVAILABLE
        case .notPermitted: 77  // EX_NOPERM
        default: 70  // EX_SOFTWARE
        }
    }

    package static func notReached(_ error: ManagerError, timeout: Duration) -> ExtensionError {
        ExtensionError(
            code: .notReached, underlyingError: error,
            description: "osqueryd was not reached within \(timeout.components.seconds) s. \(error)")
    }

    package static func refused(_ error: ManagerError) -> ExtensionError {
        ExtensionError(
            code: .refused, underlyingError: error, description: "osqueryd did not register this extension. \(error)")
    }

    package static func notPermitted(_ error: SystemError) -> ExtensionError {
        ExtensionError(
            code: .notPermitted, underlyingError: error,
            description: "\(error) Start the extension as the user that osqueryd runs as.")
    }

    package static func failed(_ error: SystemError) -> ExtensionError {
        ExtensionError(code: .failed, underlyingError: error, description: error.description)
    }
}
