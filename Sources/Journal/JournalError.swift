import Glibc

/// The journal did not take an entry.
package struct JournalError: Error, Equatable, CustomStringConvertible {
    /// errno(3), as sd_journal_sendv(3) answers it.
    package let code: Int32

    package init(code: Int32) {
        self.code = code
    }

    package var description: String {
        "The journal did not take the entry: \(String(cString: strerror(code))). Is systemd-journald running?"
    }
}
