import Glibc

/// Entries as bytes in Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS), which systemd-journal-remote reads.
///
/// It differs from journald's native protocol in the lines before the fields, which begin with `_`, and in an empty line after them.
enum ExportFormat {
    private static let timestampStart = "__REALTIME_TIMESTAMP="
    private static let receivedStart = Array("OSQUERY_RECEIVED_TIMESTAMP=".utf8)

    /// An entry's bytes.
    ///
    /// - Parameters:
    ///   - number: The fields of its number.
    ///   - received: When it was received, in microseconds since 1970.
    static func body(
        _ entry: OutgoingEntry, number: UnsafeRawBufferPointer, received: UInt64, bootID: String
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entry.size + number.count + 128)
        bytes.append(contentsOf: "\(timestampStart)\(received)\n_BOOT_ID=\(bootID)\n".utf8)
        bytes.append(contentsOf: number)
        entry.withPieces(number: .empty) { pieces in
            for piece in pieces { bytes.append(contentsOf: piece.bytes) }
        }
        bytes.append(0x0A)
        return bytes
    }

    /// When the entry was received: what its body begins with.
    static func timestamp(of body: [UInt8]) -> UInt64 {
        body.dropFirst(timestampStart.utf8.count).prefix { $0 != 0x0A }.reduce(0) { $0 &* 10 &+ UInt64($1 &- 0x30) }
    }

    /// The entry's number; nil where it has none.
    static func id(of body: [UInt8]) -> EntryID? {
        var rest = body.dropFirst(fieldsStart(of: body))
        func value(of name: StaticString) -> Substring? {
            let start = Array("\(name)=".utf8)
            guard rest.starts(with: start) else { return nil }
            let value = rest.dropFirst(start.count).prefix { $0 != 0x0A }
            rest = rest[value.endIndex...].dropFirst()
            return Substring(decoding: value, as: UTF8.self)
        }
        guard let stream = value(of: EntryID.streamField).flatMap({ StreamID($0) }),
            let sequence = value(of: EntryID.sequenceField).flatMap({ UInt64($0) })
        else { return nil }
        return EntryID(stream: stream, sequence: sequence)
    }

    /// Where the fields begin: what begins with `_` is journald's own.
    private static func fieldsStart(of body: [UInt8]) -> Int {
        var start = 0
        while start < body.count, body[start] == UInt8(ascii: "_") {
            start = (body[start...].firstIndex(of: 0x0A) ?? body.count - 1) + 1
        }
        return start
    }

    /// Calls `send` with the entry in journald's native protocol, with when it was received, and with how many bytes that are.
    static func withPieces<R>(of body: [UInt8], _ send: (UnsafeBufferPointer<iovec>, Int) -> R) -> R {
        let received = receivedStart + body.dropFirst(timestampStart.utf8.count).prefix { $0 != 0x0A } + [0x0A]
        let start = fieldsStart(of: body)
        return body.withUnsafeBytes { bytes in
            let fields = UnsafeRawBufferPointer(rebasing: bytes[start..<max(start, bytes.count - 1)])
            return received.withUnsafeBytes { received in
                withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { pieces in
                    pieces.initializeElement(at: 0, to: iovec(fields))
                    pieces.initializeElement(at: 1, to: iovec(received))
                    return send(UnsafeBufferPointer(pieces), fields.count + received.count)
                }
            }
        }
    }

    // MARK: - Fields

    /// A field, by where it is in an entry's bytes.
    private struct Field {
        /// The field, its last newline included.
        let range: Range<Int>
        let name: Range<Int>
        let value: Range<Int>
    }

    /// Calls `body` with each field of an entry, up to where the bytes are none.
    ///
    /// - Parameter bytes: In Journal Export Format or in journald's native protocol.
    private static func forEachField(of bytes: UnsafeRawBufferPointer, _ body: (Field) -> Void) {
        var start = 0
        while start < bytes.count, bytes[start] != 0x0A {
            guard let lineEnd = bytes.firstIndex(of: 0x0A, from: start, to: bytes.count) else { return }
            let field: Field
            if let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: start, to: lineEnd) {
                field = Field(range: start..<lineEnd + 1, name: start..<equals, value: equals + 1..<lineEnd)
            } else {
                let valueStart = lineEnd + 9
                guard valueStart <= bytes.count else { return }
                let length = bytes.loadUnaligned(fromByteOffset: lineEnd + 1, as: UInt64.self).littleEndian
                guard length < UInt64(bytes.count - valueStart) else { return }
                let end = valueStart + Int(length)
                field = Field(range: start..<end + 1, name: start..<lineEnd, value: valueStart..<end)
            }
            body(field)
            start = field.range.upperBound
        }
    }

    /// Calls `body` with the fields for sd_journal_sendv(3): `NAME=value` each, without what begins with `_`, and with when the entry
    /// was received, where its bytes say that.
    ///
    /// - Parameter bytes: In Journal Export Format or in journald's native protocol. They are changed: a name moves to its value, over
    ///   what was between.
    static func withFields<R>(
        of bytes: UnsafeMutableRawBufferPointer, _ body: (UnsafeBufferPointer<iovec>) -> R
    ) -> R {
        var fields: [iovec] = []
        var received: [UInt8] = []
        forEachField(of: UnsafeRawBufferPointer(bytes)) { field in
            let name = bytes[field.name]
            if name.first == UInt8(ascii: "_") {
                if name.elementsEqual(timestampStart.utf8.dropLast()) { received = receivedStart + bytes[field.value] }
                return
            }
            let start = field.value.lowerBound - 1 - field.name.count
            if start != field.name.lowerBound {
                memmove(bytes.baseAddress! + start, bytes.baseAddress! + field.name.lowerBound, field.name.count)
                bytes[field.value.lowerBound - 1] = UInt8(ascii: "=")
            }
            fields.append(iovec(UnsafeRawBufferPointer(rebasing: bytes[start..<field.value.upperBound])))
        }
        return received.withUnsafeBytes { received in
            if !received.isEmpty { fields.append(iovec(received)) }
            return fields.withUnsafeBufferPointer(body)
        }
    }

    // MARK: - Cutting

    /// Bytes of a message that are left where it is too large.
    private static let keptMessage = 4096
    /// Bytes that another field may have in it: with as many as journald takes, they fit into its smallest file, of 512 KiB.
    private static let keptField = 256

    /// The entry with no more fields than journald takes, and a field that says how many are missing; nil where it has no more.
    ///
    /// What comes last is left out, as far as it is a decoration.
    static func limited(_ body: [UInt8]) -> [UInt8]? {
        var fields: [Field] = []
        body.withUnsafeBytes { bytes in forEachField(of: bytes) { fields.append($0) } }
        var excess = fields.count - JournalEntry.maximumFields
        guard excess > 0 else { return nil }
        var dropped: [Field] = []
        for field in fields.reversed() where excess > 0 && body[field.name].starts(with: "OSQUERY_DECORATION_".utf8) {
            dropped.append(field)
            excess -= 1
        }
        return body.without(dropped.reversed().map(\.range), saying: "\(dropped.count) fields")
    }

    /// The entry without what is large in it, and with a field that says what is missing: for one that is too large for any file of the
    /// journal.
    static func shortened(_ body: [UInt8]) -> [UInt8] {
        var dropped: [Range<Int>] = []
        var missing: [String] = []
        var start: [UInt8] = []
        body.withUnsafeBytes { bytes in
            forEachField(of: bytes) { field in
                let name = String(decoding: bytes[field.name], as: UTF8.self)
                guard field.value.count > (name == "MESSAGE" ? keptMessage : keptField) else { return }
                dropped.append(field.range)
                if name == "MESSAGE" {
                    let kept = bytes[field.value].prefix(keptMessage)
                    start = Array("MESSAGE=".utf8) + kept.map { $0 == 0x0A ? UInt8(ascii: " ") : $0 } + [0x0A]
                    missing.append("\(field.value.count - kept.count) of \(field.value.count) bytes of MESSAGE")
                } else {
                    missing.append("\(name), \(field.value.count) bytes")
                }
            }
        }
        return body.without(dropped, adding: start, saying: missing.joined(separator: "; "))
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        guard let base = baseAddress, let found = memchr(base + start, Int32(byte), end - start) else { return nil }
        return UnsafeRawPointer(found) - base
    }
}

extension [UInt8] {
    /// An entry's bytes without those of some of its fields, and with others.
    fileprivate func without(_ ranges: [Range<Int>], adding: [UInt8] = [], saying missing: String) -> [UInt8] {
        var kept: [UInt8] = []
        var start = 0
        for range in ranges {
            kept += self[start..<range.lowerBound]
            start = range.upperBound
        }
        // All but the empty line.
        kept += self[start..<Swift.max(start, count - 1)]
        return kept + adding + Array("OSQUERY_TRUNCATED=\(missing)\n\n".utf8)
    }
}
