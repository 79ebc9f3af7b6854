import CSystemd
import Glibc
package import SystemCalls

/// The way into the journal: sd_journal_sendv(3).
enum JournalSocket {
    /// Sends an entry.
    ///
    /// - Parameter fields: Each `NAME=value`, kept alive by the caller.
    static func send(_ fields: UnsafeBufferPointer<iovec>) throws(SystemError) {
        let result = sd_journal_sendv(fields.baseAddress, Int32(fields.count))
        guard result == 0 else { throw SystemError("send the entry to", "the journal", code: -result) }
    }
}

extension JournalEntry {
    /// Calls `body` with the message and all fields, in that order.
    func withFields<R>(message: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<iovec>) -> R) -> R {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: fieldCount + 1) { fields in
            fields.initializeElement(at: 0, to: iovec(message))
            var count = 1
            forEachField { field in
                field.withUnsafeBytes { fields.initializeElement(at: count, to: iovec($0)) }
                count += 1
            }
            return body(UnsafeBufferPointer(rebasing: fields[..<count]))
        }
    }
}

extension JournalEntry {
    /// Sends the entry, where journald has room for it: for words that may get lost, but must not hold anything up.
    package func sendIfPossible(message: UnsafeRawBufferPointer) throws(SystemError) {
        var probe = JournalProbe()
        guard case .some = probe.room() else { throw SystemError("send the entry to", "the journal", code: EAGAIN) }
        let result = withFields(message: message) { fields in
            Result { () throws(SystemError) in try JournalSocket.send(fields) }
        }
        try result.get()
    }
}

extension iovec {
    /// Whoever takes these only reads what they point to.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: iov_base, count: iov_len) }
}
