import Journal
import Osquery
import Thrift

extension JournalEntry {
    /// Adds the fields that a status line's members make.
    ///
    /// Users read status lines with `journalctl … -o export | awk -F'MESSAGE=' '/MESSAGE/ {print $2}'`, which takes any field
    /// that says MESSAGE for the line itself. Such a field is left out; what it says stands in the line.
    mutating func addStatusFields(of line: StatusLine) {
        line.text.withBytes { bytes in
            let isSuspect = bytes.contains("MESSAGE")
            add("CODE_FILE", line.file, isSuspect, in: bytes)
            add("CODE_LINE", line.line, isSuspect, in: bytes)
            add("OSQUERY_HOST_IDENTIFIER", line.hostIdentifier, isSuspect, in: bytes)
            add("OSQUERY_CALENDAR_TIME", line.calendarTime, isSuspect, in: bytes)
            add("OSQUERY_UNIX_TIME", line.unixTime, isSuspect, in: bytes)
        }
    }

    private mutating func add(_ field: StaticString, _ value: JSONValue?, _ isSuspect: Bool, in bytes: RawSpan) {
        guard let value, !isSuspect || !value.contains("MESSAGE", in: bytes) else { return }
        add(field, value, in: bytes)
    }
}
