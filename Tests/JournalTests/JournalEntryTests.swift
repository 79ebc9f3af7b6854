import Testing

@testable import Journal

@Suite struct JournalEntryTests {
    private func fields(_ entry: JournalEntry) -> [String] {
        var fields: [String] = []
        entry.forEachField { field in
            field.withUnsafeBytes { fields.append(String(decoding: $0, as: UTF8.self)) }
        }
        return fields
    }

    @Test("fields come back as they were added, in order")
    func order() {
        var entry = JournalEntry()
        entry.add("PRIORITY=6")
        entry.add("SYSLOG_IDENTIFIER", "osqueryd")
        entry.add("EMPTY") { _ in }
        entry.add("LINES") { $0.append("a\nb".utf8) }
        #expect(fields(entry) == ["PRIORITY=6", "SYSLOG_IDENTIFIER=osqueryd", "EMPTY=", "LINES=a\nb"])
        #expect(entry.fieldCount == 4)
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
        entry.add("P_", named: name.span.bytes) { $0.append("v".utf8) }
        #expect(fields(entry) == [expected + "=v"])
    }
}
