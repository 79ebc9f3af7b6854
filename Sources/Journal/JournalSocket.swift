import CSystemd
import Glibc
package import SystemCalls

/// The way into the journal for entries of any size: sd_journal_sendv(3).
enum JournalSocket {
    /// Sends an entry. Blocks for as long as journald has no room: see ``JournalProbe``.
    ///
    /// - Parameter fields: Each `NAME=value`, kept alive by the caller.
    static func send(_ entry: OutgoingEntry) throws(SystemError) {
        try entry.withFields { fields in Result { () throws(SystemError) in try send(fields) } }.get()
    }

    static func send(_ fields: UnsafeBufferPointer<iovec>) throws(SystemError) {
        let result = sd_journal_sendv(fields.baseAddress, Int32(fields.count))
        guard result == 0 else { throw SystemError("send the entry to", "the journal", code: -result) }
    }
}

/// An entry that is to be sent, in memory that others keep alive.
struct OutgoingEntry {
    /// What fits into a socket's buffer of the usual size beside others. What is larger, libsystemd hands over as a file.
    static let largestDatagram = 64 << 10

    /// `MESSAGE=…`
    fileprivate let message: UnsafeRawBufferPointer
    /// `NAME=value` and a newline for each other field.
    fileprivate let others: UnsafeRawBufferPointer
    /// Where those newlines stand.
    fileprivate let ends: UnsafeBufferPointer<Int>
    fileprivate let isPlain: Bool

    /// Bytes in the fields.
    var size: Int { message.count + others.count - ends.count }

    /// Calls `body` with each `NAME=value`, the message first.
    func withFields<R>(_ body: (UnsafeBufferPointer<iovec>) -> R) -> R {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: ends.count + 1) { fields in
            fields.initializeElement(at: 0, to: iovec(message))
            var start = 0
            for (index, end) in ends.enumerated() {
                fields.initializeElement(
                    at: index + 1, to: iovec(UnsafeRawBufferPointer(rebasing: others[start..<end])))
                start = end + 1
            }
            return body(UnsafeBufferPointer(fields))
        }
    }

    /// Calls `body` with the entry as one datagram of journald's native protocol; nil where it is too large for that, or a value has
    /// a newline.
    func withDatagram<R>(_ body: (UnsafeBufferPointer<iovec>) -> R) -> R? {
        guard isPlain, message.count + others.count < Self.largestDatagram,
            memchr(message.baseAddress!, 0x0A, message.count) == nil
        else { return nil }
        let newline: StaticString = "\n"
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { parts in
            parts.initializeElement(at: 0, to: iovec(message))
            parts.initializeElement(at: 1, to: iovec(UnsafeRawBufferPointer(start: newline.utf8Start, count: 1)))
            parts.initializeElement(at: 2, to: iovec(others))
            return body(UnsafeBufferPointer(parts))
        }
    }
}

extension JournalEntry {
    /// Calls `body` with the entry, to which `message` comes as the first field.
    func with<R>(message: UnsafeRawBufferPointer, _ body: (OutgoingEntry) -> R) -> R {
        withBytes { bytes, ends, isPlain in
            body(OutgoingEntry(message: message, others: bytes, ends: ends, isPlain: isPlain))
        }
    }

    /// Sends the entry, where journald has room for it: for words that may get lost, but must not hold anything up.
    package func sendIfPossible(message: UnsafeRawBufferPointer) throws(SystemError) {
        var probe = JournalProbe()
        guard case .some = probe.room() else { throw SystemError("send the entry to", "the journal", code: EAGAIN) }
        let result = with(message: message) { entry in
            Result { () throws(SystemError) in try JournalSocket.send(entry) }
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
