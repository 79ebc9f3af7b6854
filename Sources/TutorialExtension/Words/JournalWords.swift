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
        case .replaying(let rate):
            let pace =
                rate.flatMap { $0 < 10_000 ? $0 : nil }.map {
                    " It takes half of journald's rate limit for this unit, \(Int($0)) entries a second; the packaged drop-in lifts that limit."
                } ?? ""
            notice("systemd-journald takes logs again: those kept on disk are brought into the journal.\(pace)")
        case .replayed(let entries):
            notice("All that was kept on disk is in the journal: \(Words.entries(entries)).")
        case .damaged(let entries, let file):
            error(
                """
                The spool is damaged: \(Words.entries(entries)) cannot be read and \(entries == 1 ? "is" : "are") lost. All others are replayed, and the damaged \
                files are kept as \(file).
                """)
        case .unreadable(let error):
            self.error("Part of the spool cannot be read now. It is left as it is, and tried again later: \(error)")
        case .shared(let path):
            let gist =
                GistNames.folder != path
                ? ""
                : """
                 The last good configuration of the gist is kept there, too: if the other process names another gist, the one that \
                fetches last replaces what the other one kept.
                """
            warning(
                """
                Another process uses the spool's directory \(path), too, as a second osqueryd or osqueryi does. No log is lost: each \
                process keeps its entries in a database of its own there. What one of them leaves when it ends, the other one or the \
                next to start replays, as entries of its own unit.\(gist) To keep them apart, set \
                \(gist.isEmpty ? "OSQUERY_JOURNAL_SPOOL" : "STATE_DIRECTORY (StateDirectory= of its unit)") for one of them.
                """)
        case .detached(let reason):
            error(
                """
                The spool's directory was moved or removed, and none can be made in its place. Logs are kept on disk all the same, \
                but what is not in the journal when this process ends is lost, unless the directory was moved and comes back: start \
                systemd-journald, then restart osqueryd. \(reason)
                """)
        case .abandoned(let entries):
            error(
                """
                \(Words.entries(entries)) \(entries == 1 ? "is" : "are") lost if the spool's directory was removed. If it was moved, move \
                it back: the entries are replayed when osqueryd starts again.
                """)
        case .unsendable(let reason):
            error("Logs that are kept on disk cannot be sent to systemd-journald now, which is tried again: \(reason)")
        case .missing(let entries):
            error(
                """
                systemd-journald took \(Words.entries(entries)) that \(entries == 1 ? "is" : "are") not in the journal: \
                \(entries == 1 ? "it is" : "they are") kept on disk and sent again, more slowly, and logs that follow wait. Look at the \
                free space of the journal's disk, and at the unit's rate limit.
                """)
        case .refused(let entries):
            error(
                """
                systemd-journald does not keep \(Words.entries(entries)) of those that it took: look at MaxLevelStore= (journald.conf(5)), and \
                at LogLevelMax= and LogFilterPatterns= of the unit (systemd.exec(5)).
                """)
        case .shortened(let bytes):
            error(
                """
                An entry of \(bytes) bytes does not fit into a file of the journal (journald.conf(5), SystemMaxFileSize=): it is logged \
                without its large fields, and OSQUERY_TRUNCATED says what is missing.
                """)
        case .unconfirmed(let reason):
            warning("Logs that were kept on disk count as logged once systemd-journald has taken them: \(reason)")
        case .volatile:
            notice("The journal is in memory only, and gone after a reboot (journald.conf(5), Storage=).")
        case .holding(let error):
            critical(
                """
                Logs can be brought neither into the journal nor onto the disk, and osqueryd has to wait: \(error) Start \
                systemd-journald, or see that the spool's directory can be written to (OSQUERY_JOURNAL_SPOOL).
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
