import Testing

@testable import Journal

@Suite struct JournalEntryTests {
    /// The fields as libsystemd gets them, without the message.
    private func fields(_ entry: borrowing JournalEntry) -> [String] {
        Array("MESSAGE=".utf8).withUnsafeBytes { message in
            entry.with(message: message) { outgoing in
                outgoing.withFields { fields in fields.dropFirst().map { String(decoding: $0.bytes, as: UTF8.self) } }
            }
        }
    }

    /// The datagram that an entry is sent as; nil where it is not.
    private func datagram(_ entry: borrowing JournalEntry, message: String) -> String? {
        Array(message.utf8).withUnsafeBytes { message in
            entry.with(message: message) { outgoing in
                outgoing.withDatagram { parts in parts.map { String(decoding: $0.bytes, as: UTF8.self) }.joined() }
            }
        }
    }

    @Test("an entry is one datagram, unless it is large or a value has a newline")
    func datagrams() {
        var entry = JournalEntry()
        entry.add("PRIORITY=6")
        entry.add("EMPTY", "")
        let (plain, broken) = (datagram(entry, message: "MESSAGE=text"), datagram(entry, message: "MESSAGE=a\nb"))
        #expect(plain == "MESSAGE=text\nPRIORITY=6\nEMPTY=\n")
        #expect(broken == nil)
        let large = datagram(entry, message: "MESSAGE=" + String(repeating: "x", count: 64 << 10))
        #expect(large == nil)
        entry.add("LINES", "a\nb")
        let lines = datagram(entry, message: "MESSAGE=text")
        #expect(lines == nil)
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
