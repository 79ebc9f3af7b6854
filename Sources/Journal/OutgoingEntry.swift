import Glibc

/// An entry that is to be sent, in memory that others keep alive.
struct OutgoingEntry {
    /// `MESSAGE=…`
    let message: UnsafeRawBufferPointer
    /// The other fields in journald's native protocol.
    let others: UnsafeRawBufferPointer

    /// Bytes in the fields.
    var size: Int { message.count + others.count }

    /// Calls `body` with pieces that make the entry in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
    ///
    /// - Parameter number: Further fields, in that protocol.
    func withPieces<R>(number: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<iovec>) -> R) -> R {
        let newline: StaticString = "\n"
        let end = UnsafeRawBufferPointer(start: newline.utf8Start, count: 1)
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: 7) { pieces in
            if memchr(message.baseAddress!, 0x0A, message.count) == nil {
                pieces.initializeElement(at: 0, to: iovec(message))
                pieces.initializeElement(at: 1, to: iovec(end))
                pieces.initializeElement(at: 2, to: iovec(others))
                pieces.initializeElement(at: 3, to: iovec(number))
                return body(UnsafeBufferPointer(rebasing: pieces[..<4]))
            }
            let name = message.prefix { $0 != UInt8(ascii: "=") }
            let value = UnsafeRawBufferPointer(rebasing: message[(name.count + 1)...])
            return withUnsafeBytes(of: UInt64(value.count).littleEndian) { length in
                let all = [UnsafeRawBufferPointer(rebasing: name), end, length, value, end, others, number]
                for (index, piece) in all.enumerated() { pieces.initializeElement(at: index, to: iovec(piece)) }
                return body(UnsafeBufferPointer(pieces))
            }
        }
    }
}

extension JournalEntry {
    /// Calls `body` with the entry, to which `message`, `MESSAGE=…`, comes as the first field.
    func with<R>(message: UnsafeRawBufferPointer, _ body: (OutgoingEntry) -> R) -> R {
        withBytes { body(OutgoingEntry(message: message, others: $0)) }
    }
}

extension UnsafeRawBufferPointer {
    /// No bytes.
    static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

extension iovec {
    /// Whoever takes these only reads what they point to.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: iov_base, count: iov_len) }
}
