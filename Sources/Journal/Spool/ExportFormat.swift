import CSystemd
import Glibc

/// Entries as bytes in Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS), which systemd-journal-remote reads.
enum ExportFormat {
    /// An entry's bytes.
    ///
    /// - Parameters:
    ///   - fields: Each `NAME=value`.
    ///   - received: When it was received, in microseconds since 1970.
    static func body(_ fields: UnsafeBufferPointer<iovec>, received: UInt64, bootID: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(fields.reduce(256) { $0 + $1.iov_len + 32 })
        bytes.append(contentsOf: "\(timestampStart)\(received)\n_BOOT_ID=\(bootID)\n".utf8)
        for field in fields { append(field.bytes, to: &bytes) }
        bytes.append(0x0A)
        return bytes
    }

    private static let timestampStart = "__REALTIME_TIMESTAMP="
    private static let receivedStart = Array("OSQUERY_RECEIVED_TIMESTAMP=".utf8)

    /// When the entry was received: what its body begins with.
    static func timestamp(of body: [UInt8]) -> UInt64 {
        body.dropFirst(timestampStart.utf8.count).prefix { $0 != 0x0A }.reduce(0) { $0 &* 10 &+ UInt64($1 &- 0x30) }
    }

    /// `NAME=value`, or where the value holds a newline `NAME`, a newline, the length in 8 bytes, the value.
    private static func append(_ field: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        if memchr(field.baseAddress!, 0x0A, field.count) == nil {
            bytes.append(contentsOf: field)
        } else {
            let name = field.prefix { $0 != UInt8(ascii: "=") }
            let value = field.dropFirst(name.count + 1)
            bytes.append(contentsOf: name)
            bytes.append(0x0A)
            withUnsafeBytes(of: UInt64(value.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: value)
        }
        bytes.append(0x0A)
    }

    /// Calls `send` with the entry as a datagram of journald's native protocol, which differs from the export format in what is before
    /// the fields and after them (systemd.io/JOURNAL_NATIVE_PROTOCOL); nil where it is too large for one.
    static func withDatagram<R>(of bytes: [UInt8], _ send: (UnsafeBufferPointer<iovec>) -> R) -> R? {
        guard bytes.count < OutgoingEntry.largestDatagram else { return nil }
        var received = receivedStart + bytes.dropFirst(timestampStart.utf8.count).prefix { $0 != 0x0A }
        received.append(0x0A)
        return bytes.withUnsafeBytes { bytes in
            // What begins with “_” is journald's own.
            var start = 0
            while start < bytes.count, bytes[start] == UInt8(ascii: "_") {
                start = (bytes[start...].firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
            }
            let fields = UnsafeRawBufferPointer(rebasing: bytes[start..<max(start, bytes.count - 1)])
            return received.withUnsafeBytes { received in
                withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                    parts.initializeElement(at: 0, to: iovec(fields))
                    parts.initializeElement(at: 1, to: iovec(received))
                    return send(UnsafeBufferPointer(parts))
                }
            }
        }
    }

    /// Calls `body` with the fields for sd_journal_sendv(3): `NAME=value` each, without what begins with `_`, and with when the entry
    /// was received.
    ///
    /// - Parameter bytes: What ``body(_:received:bootID:)`` made, which is changed: a name moves to its value, over what was between.
    static func withFields<R>(
        of bytes: UnsafeMutableRawBufferPointer, _ body: (UnsafeBufferPointer<iovec>) -> R
    ) -> R {
        var fields: [iovec] = []
        var received: [UInt8] = []
        var rest = bytes[...]
        while let first = rest.first, first != 0x0A {
            // Its checksum is right, so these bytes are what `body` wrote.
            guard let lineEnd = rest.firstIndex(of: 0x0A) else { break }
            let line = rest[..<lineEnd]
            if let equals = line.firstIndex(of: UInt8(ascii: "=")) {
                if first == UInt8(ascii: "_") {
                    if line.starts(with: timestampStart.utf8) {
                        received = receivedStart + line[(equals + 1)...]
                    }
                } else {
                    fields.append(iovec(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: line))))
                }
                rest = rest[(lineEnd + 1)...]
            } else {
                guard lineEnd + 9 <= rest.endIndex else { break }
                let length = bytes.loadUnaligned(fromByteOffset: lineEnd + 1, as: UInt64.self).littleEndian
                let start = lineEnd + 9
                guard length < UInt64(rest.endIndex - start) else { break }
                let end = start + Int(length)
                let nameStart = start - 1 - line.count
                memmove(bytes.baseAddress! + nameStart, bytes.baseAddress! + line.startIndex, line.count)
                bytes[start - 1] = UInt8(ascii: "=")
                fields.append(
                    iovec(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: bytes[nameStart..<end]))))
                rest = rest[(end + 1)...]
            }
        }
        return received.withUnsafeBytes { received in
            fields.append(iovec(received))
            return fields.withUnsafeBufferPointer(body)
        }
    }
}
