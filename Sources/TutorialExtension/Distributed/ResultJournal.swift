import Journal
import Logging
import Osquery

/// Writes results of live queries to the journal.
struct ResultJournal {
    private let writer: JournalWriter
    private let logger: Logger

    init(_ writer: JournalWriter, _ logger: Logger) {
        self.writer = writer
        self.logger = logger
    }

    /// Writes a result, whose text is `text`, and returns when it is safe.
    func write(_ result: DistributedResult, _ text: String, _ host: String) {
        var entry = JournalEntry()
        entry.add(result.status == 0 ? "PRIORITY=6" : "PRIORITY=3")
        entry.add("SYSLOG_IDENTIFIER=osqueryd")
        entry.add("OSQUERY_LOG_TYPE=distributed")
        entry.add("OSQUERY_QUERY_NAME", result.name)
        entry.add("OSQUERY_HOST_IDENTIFIER", host)
        var message = "MESSAGE=" + text
        do {
            let place = try message.withUTF8 { try writer.write(entry, message: UnsafeRawBufferPointer($0)) }
            try writer.makeSafe(place)
        } catch {
            logger.error("The result of “\(result.name)” is not in the journal: \(error)")
        }
    }
}
