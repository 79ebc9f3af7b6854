import CSystemd
import Glibc
package import SystemCalls

/// sd_journal_sendv(3): for messages that may get lost, and for entries that ``JournalConnection`` cannot hand over. Blocks for as
/// long as journald has no room.
enum JournalMessage {
    /// - Parameter fields: Each `NAME=value`, kept alive by the caller.
    static func send(_ fields: UnsafeBufferPointer<iovec>) throws(SystemError) {
        let result = sd_journal_sendv(fields.baseAddress, Int32(fields.count))
        guard result == 0 else { throw SystemError("send the entry to", "the journal", code: -result) }
    }
}

extension JournalEntry {
    /// Sends the entry, where journald has room for it: for messages that may get lost, but must not hold anything up.
    package func sendIfPossible(message: UnsafeRawBufferPointer) throws(SystemError) {
        var connection = JournalConnection()
        guard case .some = connection.room() else {
            throw SystemError("send the entry to", "the journal", code: EAGAIN)
        }
        var bytes = with(message: message) { entry in
            entry.withPieces(number: .empty) { $0.flatMap { Array($0.bytes) } }
        }
        try bytes.withUnsafeMutableBytes { bytes in
            ExportFormat.withFields(of: bytes) { fields in
                Result { () throws(SystemError) in try JournalMessage.send(fields) }
            }
        }.get()
    }
}
