import CSystemd
import Glibc

/// How an entry stands in the spool: Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS), which systemd-journal-remote reads.
///
/// The line that begins an entry there, its cursor, is opaque to readers. Ours has a fixed length and tells the entry's number, the
/// number of bytes behind the line, and their checksum, so that a torn or damaged entry is recognized and the next one found.
enum SpoolEntry {
    /// `__CURSOR=tutorial-extension;i=…;l=…;c=…`, three numbers of 16 hexadecimal digits each, and a newline.
    static let headLength = headStart.utf8CodeUnitCount + 16 + 3 + 16 + 3 + 16 + 1
    static let headStart: StaticString = "__CURSOR=tutorial-extension;i="

    struct Head: Equatable {
        let number: UInt64
        let length: Int
        let checksum: UInt64

        /// Whether `body` is what this is the head of, whole and undamaged.
        func isOf(_ body: [UInt8]) -> Bool {
            body.count == length && SpoolEntry.checksum(body.span.bytes) == checksum
        }
    }

    /// The entry's bytes without its head.
    static func body(_ fields: UnsafeBufferPointer<iovec>, received: UInt64, bootID: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(fields.reduce(256) { $0 + $1.iov_len + 32 })
        bytes.append(contentsOf: "\(timestampStart)\(received)\n_BOOT_ID=\(bootID)\n".utf8)
        for field in fields { append(field.bytes, to: &bytes) }
        bytes.append(0x0A)
        return bytes
    }

    private static let timestampStart = "__REALTIME_TIMESTAMP="

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

    static func head(number: UInt64, body: [UInt8]) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(headLength)
        headStart.withUTF8Buffer { head.append(contentsOf: $0) }
        for (value, end) in [(number, ";l="), (UInt64(body.count), ";c="), (checksum(body.span.bytes), "\n")] {
            head.append(contentsOf: hexadecimal(value).utf8)
            head.append(contentsOf: end.utf8)
        }
        return head
    }

    /// The head that `bytes` begin with; nil where they begin with something else.
    static func parseHead(_ bytes: UnsafeRawBufferPointer) -> Head? {
        let start = headStart.utf8CodeUnitCount
        guard bytes.count >= headLength, memcmp(bytes.baseAddress!, headStart.utf8Start, start) == 0 else { return nil }
        guard let number = parseNumber(bytes, start, then: ";l="),
            let length = parseNumber(bytes, start + 19, then: ";c="),
            let checksum = parseNumber(bytes, start + 38, then: "\n"), length <= UInt64(Int.max)
        else { return nil }
        return Head(number: number, length: Int(length), checksum: checksum)
    }

    /// The body behind a head that `bytes` begin with; nil where it is not all there, or damaged.
    static func body(behind head: Head, in bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard head.length <= bytes.count - headLength else { return nil }
        let body = Array(bytes[headLength..<headLength + head.length])
        return head.isOf(body) ? body : nil
    }

    private static func parseNumber(_ bytes: UnsafeRawBufferPointer, _ offset: Int, then end: StaticString) -> UInt64? {
        let digits = String(decoding: bytes[offset..<offset + 16], as: UTF8.self)
        guard memcmp(bytes.baseAddress! + offset + 16, end.utf8Start, end.utf8CodeUnitCount) == 0 else { return nil }
        return UInt64(digits, radix: 16)
    }

    static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// FNV-1a over words of 8 bytes: each step is reversible, so a change of any one word always shows.
    static func checksum(_ bytes: RawSpan) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var offset = 0
        while offset + 8 <= bytes.byteCount {
            hash = (hash ^ bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01B3
            hash = hash << 29 | hash >> 35
            offset += 8
        }
        while offset < bytes.byteCount {
            hash = (hash ^ UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))) &* 0x100_0000_01B3
            offset += 1
        }
        return hash ^ UInt64(bytes.byteCount)
    }

    /// Calls `body` with the fields for sd_journal_sendv(3): `NAME=value` each, without what begins with `_`, and with when the entry
    /// was received.
    ///
    /// - Parameter bytes: An entry's bytes without its head, which are changed: a name moves to its value over what was between.
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
                        received = Array("OSQUERY_RECEIVED_TIMESTAMP=".utf8) + line[(equals + 1)...]
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
