import Journal
import Logging

extension JournalSettings {
    /// The settings of this process's environment; `logger` is told of those that have no meaning.
    init(_ logger: Logger) {
        self.init(environment: Environment.value, complain: { logger.error("\($0)") })
    }
}

extension Logger {
    /// Says what happens on the way into the journal.
    func report(_ event: JournalEvent) {
        switch event {
        case .spooling(let reason):
            warning("\(reason) Logs are kept on disk, and come into the journal later.")
        case .replaying:
            notice("systemd-journald takes logs again: those kept on disk are brought into the journal.")
        case .replayed(let entries):
            notice("All \(entries) entries kept on disk are in the journal.")
        case .damaged(let bytes, let file):
            error(
                "\(bytes) bytes of the spool are no entry, torn or damaged, and were put into \(file). The rest goes on."
            )
        case .detached(let reason):
            error(
                """
                The spool's folder was removed. Logs are kept on disk all the same, but if this process ends before they are in \
                the journal, they are lost: start systemd-journald first, then restart osqueryd. \(reason)
                """)
        case .holding(let error):
            critical(
                """
                Logs can be brought neither into the journal nor onto the disk, and osqueryd has to wait: \(error) Start \
                systemd-journald, or make room in the spool's folder (OSQUERY_JOURNAL_SPOOL).
                """)
        case .recovered:
            notice("Logs can be written again.")
        case .suppressed(let entries, let unit):
            error(
                """
                systemd-journald has dropped \(entries) entries of \(unit), which exceeded its rate limit: set \
                LogRateLimitIntervalSec=1s and LogRateLimitBurst=100000000 for the unit, as packaging/osqueryd.service.d/tutorial-extension.conf does.
                """)
        }
    }
}
