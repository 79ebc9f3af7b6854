import CSystemd
import Glibc

/// Sends entries to the journal with sd_journal_sendv(3).
package struct JournalWriter: Sendable {
    package init() {}

    /// Sends an entry.
    ///
    /// - Parameters:
    ///   - entry: All of its fields but the message.
    ///   - message: The field `MESSAGE=…`, name included, which is sent from where it is.
    package func send(_ entry: JournalEntry, message: UnsafeRawBufferPointer) throws(JournalError) {
        let result = withUnsafeTemporaryAllocation(of: iovec.self, capacity: entry.fieldCount + 1) { fields in
            fields.initializeElement(at: 0, to: iovec(message))
            var count = 1
            entry.forEachField { field in
                field.withUnsafeBytes { fields.initializeElement(at: count, to: iovec($0)) }
                count += 1
            }
            return sd_journal_sendv(fields.baseAddress, Int32(count))
        }
        guard result == 0 else { throw JournalError(code: -result) }
    }
}

extension iovec {
    /// sd_journal_sendv only reads what it points to, while the caller keeps it alive.
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }
}
