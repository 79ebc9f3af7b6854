import CLinux
import Glibc
import Logging

/// Where the extension's own words go: as entries of their own into the journal where stderr leads there, else to stderr.
enum Words {
    static let identifier = "tutorial-extension"

    /// - Parameter isVerbose: Whether to say what happens, and not only what goes wrong.
    static func logger(isVerbose: Bool) -> Logger {
        var logger = Logger(label: identifier) { label -> any LogHandler in
            isStandardErrorJournal
                ? JournalLogHandler() : StreamLogHandler.standardError(label: label) as any LogHandler
        }
        logger.logLevel = isVerbose ? .debug : .notice
        return logger
    }

    /// Says a line on stderr, for commands that people run.
    static func say(_ text: String) {
        let line = "\(text)\n"
        write(STDERR_FILENO, line, line.utf8.count)
    }

    /// A number of entries.
    static func entries(_ count: Int) -> String { count == 1 ? "1 entry" : "\(count) entries" }

    /// Whether stderr is the journal's: JOURNAL_STREAM names the stream's device and inode (systemd.exec(5)).
    private static var isStandardErrorJournal: Bool {
        var status = stat()
        guard let stream = getenv("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0 else { return false }
        return String(cString: stream) == "\(status.st_dev):\(status.st_ino)"
    }
}
