import Journal
import Logging
import Osquery

/// The plugins that there are.
struct Plugins {
    let logger: Logger
    let journal: JournalWriter
    let rateLimit: RateLimitWatch?
    let activity: ExtensionActivity
    /// osqueryd's `--extensions_socket`.
    let socket: String

    /// The names that OSQUERY_EXTENSION_PLUGINS may have.
    static let names = ["journal", "journal_logger", "systemd", "directory"] + GistNames.names

    /// The plugins that a list of names, with commas between them, chooses; all without one. A name that there is not is said
    /// and passed over: osqueryd shall have the others.
    func chosen(_ list: String?) -> [any ExtensionPlugin] {
        guard let list else { return Self.names.compactMap { plugin($0, with: Self.names) } }
        let chosen = list.split(separator: ",").map { $0.trimmed }
        for name in chosen where !Self.names.contains(name) {
            logger.error(
                "OSQUERY_EXTENSION_PLUGINS names “\(name)”, which there is not; there are \(Self.names.joined(separator: ", "))."
            )
        }
        return Self.names.filter(chosen.contains).compactMap { plugin($0, with: chosen) }
    }

    private func plugin(_ name: String, with chosen: [String]) -> (any ExtensionPlugin)? {
        switch name {
        case "journal": JournalLogger(journal)
        case "journal_logger": JournalLoggerTable(writer: journal, rateLimit: rateLimit, activity: activity)
        case "systemd": SystemdTable()
        case "directory":
            QueryDirectory(
                path: Environment[.queries], host: QueriedHost(socket: socket),
                journal: chosen.contains("journal") ? journal : nil, logger: logger)
        default: gist(name)
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
