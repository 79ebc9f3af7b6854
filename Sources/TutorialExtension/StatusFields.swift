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
            for (field, value) in line.fields {
                guard let value, !value.contains("MESSAGE", in: bytes) else { continue }
                add(field, value, in: bytes)
            }
        }
    }
}

extension StatusLine {
    fileprivate var fields: [(StaticString, JSONValue?)] {
        [
            ("CODE_FILE", file),
            ("CODE_LINE", line),
            ("OSQUERY_HOST_IDENTIFIER", hostIdentifier),
            ("OSQUERY_CALENDAR_TIME", calendarTime),
            ("OSQUERY_UNIX_TIME", unixTime),
        ]
    }
}
