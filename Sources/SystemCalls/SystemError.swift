import Glibc

/// A system call that failed: what was being done, on what, and why.
public struct SystemError: Error, Equatable, CustomStringConvertible {
    /// What was being done, as in “connect to”.
    public let operation: String
    /// What it was done on; a path, mostly.
    public let subject: String
    /// errno(3).
    public let code: Int32
    /// Why it failed, where that is more than what `code` says.
    private let reason: String?

    /// - Parameter reason: Why it failed, without a full stop; by default what strerror(3) says of `code`.
    package init(_ operation: String, _ subject: String, code: Int32 = errno, reason: String? = nil) {
        self.operation = operation
        self.subject = subject
        self.code = code
        self.reason = reason
    }

    /// What went wrong, as a sentence.
    public var description: String {
        "Cannot \(operation) \(subject): \(reason ?? String(cString: strerror(code)))."
    }
}

/// Calls `body` again for as long as a signal interrupts it.
package func retryingOnInterrupt(_ body: () -> Int) -> Int {
    while true {
        let result = body()
        if result != -1 || errno != EINTR { return result }
    }
}
