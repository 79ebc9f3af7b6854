import Journal
import Logging

/// Writes the extension's own words to the journal. They never carry an `OSQUERY_LOG_TYPE`: that is osqueryd's logs' alone.
struct JournalLogHandler: LogHandler {
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.notice

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = metadata.merging(event.metadata ?? [:]) { $1 }
            .sorted { $0.key < $1.key }
            .map { " \($0.key)=\($0.value)" }
            .joined()
        var entry = JournalEntry()
        entry.add("PRIORITY", "\(event.level.priority)")
        entry.add("SYSLOG_IDENTIFIER", Words.identifier)
        var message = "MESSAGE=\(event.message)\(details)"
        // There is nobody left to tell when this fails, and no line of osqueryd's in it.
        message.withUTF8 { try? entry.sendIfPossible(message: UnsafeRawBufferPointer($0)) }
    }
}

extension Logger.Level {
    /// The syslog priority (sd-daemon(3)).
    fileprivate var priority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
