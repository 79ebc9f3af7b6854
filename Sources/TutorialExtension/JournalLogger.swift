import Journal
import Osquery
import SystemCalls
import Thrift

/// The logger plugin `journal`: each of osqueryd's logs becomes a journal entry whose `MESSAGE` is the text as it came.
final class JournalLogger: SynchronousLoggerPlugin {
    let name = "journal"
    private let writer: JournalWriter
    /// Who logs: what `init` said, which is not said again when the extension was restarted.
    private let identifier = Lock("osqueryd")

    init(_ writer: JournalWriter) {
        self.writer = writer
    }

    func logString(_ text: RequestValue) throws {
        try log(text, "OSQUERY_LOG_TYPE=string") { $0.addResultFields(of: text) }
    }

    func logSnapshot(_ text: RequestValue) throws {
        try log(text, "OSQUERY_LOG_TYPE=snapshot") { $0.addSnapshotFields(of: text) }
    }

    func logStatus(_ lines: [StatusLine]) throws {
        var last = JournalWriter.Place.journal
        for line in lines {
            last = try write(line.text, "OSQUERY_LOG_TYPE=status", line.severity.priority) {
                $0.addStatusFields(of: line)
            }
        }
        try writer.makeSafe(last)
    }

    func logInit(_ processName: RequestValue) throws {
        if processName.count > 0 { identifier.withLock { $0 = processName.description } }
        try log(processName, "OSQUERY_LOG_TYPE=init")
    }

    func logHealth(_ text: RequestValue) throws {
        try log(text, "OSQUERY_LOG_TYPE=health")
    }

    func logEvent(_ text: RequestValue) throws {
        try log(text, "OSQUERY_LOG_TYPE=event")
    }

    private func log(
        _ text: RequestValue, _ type: StaticString, _ addFields: (inout JournalEntry) -> Void = { _ in }
    ) throws(SystemError) {
        try writer.makeSafe(try write(text, type, "PRIORITY=6", addFields))
    }

    private func write(
        _ text: RequestValue, _ type: StaticString, _ priority: StaticString, _ addFields: (inout JournalEntry) -> Void
    ) throws(SystemError) -> JournalWriter.Place {
        var entry = JournalEntry()
        entry.add(priority)
        entry.add("SYSLOG_IDENTIFIER", identifier.withLock { $0 })
        entry.add(type)
        addFields(&entry)
        entry.addTruncation()
        var result = Result<JournalWriter.Place, SystemError>.success(.journal)
        // Where the text stands in the message it is the logger's alone while the logger is called.
        text.slice.withPrefix("MESSAGE=") { field in
            result = Result { () throws(SystemError) in try writer.write(entry, message: field) }
        }
        return try result.get()
    }
}

extension StatusLine.Severity? {
    /// glog's severities as syslog's priorities.
    fileprivate var priority: StaticString {
        switch self {
        case .fatal: "PRIORITY=2"
        case .error: "PRIORITY=3"
        case .warning: "PRIORITY=4"
        case .info, nil: "PRIORITY=6"
        }
    }
}
