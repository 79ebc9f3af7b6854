import CSystemd
import Glibc
package import SystemCalls

/// Sends an entry, and looks for it in the journal: whether what is sent today can be found.
package enum JournalEcho {
    private static let pause: UInt32 = 20_000
    private static let tries = 150

    /// Whether an entry that says `message` has come into the journal within 3 s.
    package static func isHeard(message: String, identifier: String) throws(SystemError) -> Bool {
        let mark = "\(UInt64.random(in: .min ... .max))"
        var entry = JournalEntry()
        entry.add("PRIORITY=7")
        entry.add("SYSLOG_IDENTIFIER", identifier)
        entry.add("TUTORIAL_EXTENSION_CHECK", mark)
        let text = Array("MESSAGE=\(message)".utf8)
        let result = text.withUnsafeBytes { text in
            Result { () throws(SystemError) in try entry.sendIfPossible(message: text) }
        }
        try result.get()
        var journal: OpaquePointer?
        let code = sd_journal_open(&journal, Int32(SD_JOURNAL_LOCAL_ONLY))
        guard code >= 0 else { throw SystemError("open", "the journal", code: -code) }
        defer { sd_journal_close(journal) }
        guard sd_journal_add_match(journal, "TUTORIAL_EXTENSION_CHECK=\(mark)", 0) >= 0 else { return false }
        for _ in 0..<tries {
            // A file of the journal may have been made only now.
            sd_journal_process(journal)
            if sd_journal_seek_head(journal) >= 0, sd_journal_next(journal) > 0 { return true }
            usleep(pause)
        }
        return false
    }

    /// Whether the journal is kept on disk through a reboot (journald.conf(5), Storage=).
    package static var isPersistent: Bool { access("/var/log/journal", F_OK) == 0 }

    /// Whether entries can be sent at all.
    package static var isReachable: Bool {
        var connection = JournalConnection()
        if case .away = connection.room() { return false }
        return true
    }

    package static let socketPath = JournalConnection.socketPath
}
