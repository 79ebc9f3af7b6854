import Testing

@testable import Journal

@Suite struct JournalEntryTests {
    /// The fields as libsystemd gets them, without the message.
    private func fields(_ entry: borrowing JournalEntry) -> [String] {
        var bytes = bytes(entry, message: "MESSAGE=")
        return bytes.withUnsafeMutableBytes { bytes in
            ExportFormat.withFields(of: bytes) { fields in
                fields.dropFirst().map { String(decoding: $0.bytes, as: UTF8.self) }
            }
        }
    }

    /// The entry in journald's native protocol.
    private func bytes(_ entry: borrowing JournalEntry, message: String, number: String = "") -> [UInt8] {
        Array(message.utf8).withUnsafeBytes { message in
            Array(number.utf8).withUnsafeBytes { number in
                entry.with(message: message) { outgoing in
                    outgoing.withPieces(number: number) { pieces in pieces.flatMap { [UInt8]($0.bytes) } }
                }
            }
        }
    }

    @Test("an entry is sent in journald's native protocol, its number last")
    func nativeProtocol() {
        var entry = JournalEntry()
        entry.add("PRIORITY=6")
        entry.add("EMPTY", "")
        let plain = bytes(entry, message: "MESSAGE=text", number: "N=1\n")
        #expect(plain == Array("MESSAGE=text\nPRIORITY=6\nEMPTY=\nN=1\n".utf8))
        entry.add("LINES", "c\n\nd")
        let lines = bytes(entry, message: "MESSAGE=a\nb", number: "N=1\n")
        let expected =
            Array("MESSAGE\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0] + Array("a\nb\nPRIORITY=6\nEMPTY=\nLINES\n".utf8)
            + [4, 0, 0, 0, 0, 0, 0, 0] + Array("c\n\nd\nN=1\n".utf8)
        #expect(lines == expected)
    }

    @Test("a number is counted on through all lengths")
    func numbers() {
        var number = EntryNumber(StreamID(high: 1, low: 2))
        for expected in 1...10_100 {
            let text = String(decoding: number.bytes, as: UTF8.self)
            let stream = "00000000000000010000000000000002"
            #expect(text == "OSQUERY_STREAM=\(stream)\nOSQUERY_SEQUENCE=\(expected)\n")
            number.advance()
            let last = number.last
            #expect(last == UInt64(expected))
        }
    }

    @Test("of more fields than journald takes, those of foreign names are left out, and how many is said")
    func excess() {
        var entry = JournalEntry()
        for index in 0..<1200 { entry.add("P_", named: Array("\(index)".utf8).span.bytes) { $0.append("a\nb") } }
        for index in 0..<10 { entry.add("OWN", "\(index)") }
        entry.addTruncation()
        let found = fields(entry)
        #expect(found.count == 991 && found.last == "OSQUERY_TRUNCATED=220 fields")
        #expect(found.count { $0.hasPrefix("OWN=") } == 10)
    }

    @Test("fields come back as they were added, in order")
    func order() {
        var entry = JournalEntry()
        entry.add("PRIORITY=6")
        entry.add("SYSLOG_IDENTIFIER", "osqueryd")
        entry.add("EMPTY") { _ in }
        entry.add("LINES") { $0.append("a\nb") }
        let found = fields(entry)
        #expect(found == ["PRIORITY=6", "SYSLOG_IDENTIFIER=osqueryd", "EMPTY=", "LINES=a\nb"])
    }

    @Test("an entry has room for fields of any size")
    func growth() {
        var entry = JournalEntry()
        let sizes = [0, 1, 900, 1200, 70_000, 3]
        for size in sizes { entry.add("TEXT", String(repeating: "x", count: size)) }
        let found = fields(entry)
        #expect(found == sizes.map { "TEXT=" + String(repeating: "x", count: $0) })
    }

    @Test(
        "a name made of foreign text is one that journald takes",
        arguments: [
            ("odd-name.x", "P_ODD_NAME_X"), ("", "P_"), ("ÜÄ", "P_____"), ("a=b\nc", "P_A_B_C"),
            (String(repeating: "n", count: 100), "P_" + String(repeating: "N", count: 62)),
        ])
    func names(name: String, expected: String) {
        var entry = JournalEntry()
        let name = Array(name.utf8)
        entry.add("P_", named: name.span.bytes) { $0.append("v") }
        let found = fields(entry)
        #expect(found == [expected + "=v"])
    }
}
