import Glibc

/// An open file, closed when the value ends.
package struct FileDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    /// Takes over `rawValue`, or throws what errno says when the call that made it failed.
    package init(_ rawValue: Int32, or operation: String, _ subject: String) throws(SystemError) {
        guard rawValue >= 0 else { throw SystemError(operation, subject) }
        self.rawValue = rawValue
    }

    deinit {
        close(rawValue)
    }
}
