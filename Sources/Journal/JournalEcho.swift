import CSystemd
import Glibc
package import SystemCalls

/// Sends an entry, and looks for it in the journal: whether what is sent today can be found.
package struct JournalEcho {
    private static let pause: UInt32 = 20_000
    private static let tries = 150

    /// Whose journald it is sent to, and whose journal it is looked for in.
    private let namespace: JournalNamespace
    private let socketDirectory: String

    /// - Returns: Nil where this process cannot reach the namespace's journald.
    package init?(_ namespace: JournalNamespace) {
        guard let directory = namespace.socketDirectory(from: .current) else { return nil }
        (self.namespace, socketDirectory) = (namespace, directory)
    }

    /// Whether an entry that says `message` has come into the journal within 3 s.
    package func isHeard(message: String, identifier: String) throws(SystemError) -> Bool {
        let mark = "\(UInt64.random(in: .min ... .max))"
        try send(message, identifier, mark)
        var journal: OpaquePointer?
        let code = sd_journal_open_namespace(&journal, namespace.name, Int32(SD_JOURNAL_LOCAL_ONLY))
        guard code >= 0 else { throw SystemError("open", "the journal", code: -code) }
        defer { sd_journal_close(journal) }
        guard sd_journal_add_match(journal, "TUTORIAL_EXTENSION_CHECK=\(mark)", 0) >= 0 else { return false }
        for _ in 0..<Self.tries {
            // A file of the journal may have been made only now.
            sd_journal_process(journal)
            if sd_journal_seek_head(journal) >= 0, sd_journal_next(journal) > 0 { return true }
            usleep(Self.pause)
        }
        return false
    }

    private func send(_ message: String, _ identifier: String, _ mark: String) throws(SystemError) {
        var entry = JournalEntry()
        entry.add("PRIORITY=7")
        entry.add("SYSLOG_IDENTIFIER", identifier)
        entry.add("TUTORIAL_EXTENSION_CHECK", mark)
        var connection = JournalConnection(in: socketDirectory)
        let outcome = Array("MESSAGE=\(message)".utf8).withUnsafeBytes { text in
            entry.with(message: text) { entry in
                entry.withPieces(number: .empty) { connection.send($0, size: entry.size) }
            }
        }
        switch outcome {
        case .sent: return
        case .failed(let error): throw error
        case .full: throw SystemError("send an entry to", socketPath, code: EAGAIN)
        case .away, .replaced: throw SystemError("send an entry to", socketPath, code: ENOTCONN)
        }
    }

    /// Whether entries can be sent at all.
    package var isReachable: Bool {
        var connection = JournalConnection(in: socketDirectory)
        if case .away = connection.room() { return false }
        return true
    }

    package var socketPath: String { socketDirectory + "/socket" }
}
