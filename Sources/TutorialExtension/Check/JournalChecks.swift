import Journal
import SystemCalls
import Systemd

/// Whether what is sent is taken, kept and found.
enum JournalChecks {
    static var findings: [Finding] {
        guard JournalEcho.isReachable else {
            return [
                .error(
                    "There is no systemd-journald at \(JournalEcho.socketPath): logs are kept on disk.",
                    "sudo systemctl start systemd-journald.socket systemd-journald")
            ]
        }
        return [echo, storage] + (rateLimit.map { [$0] } ?? [])
    }

    private static var echo: Finding {
        let remedy = "journalctl --verify; systemctl status systemd-journald"
        do {
            let isHeard = try JournalEcho.isHeard(
                message: "A line to see whether it can be found.", identifier: Words.identifier)
            return isHeard
                ? .ok("A test line was sent to the journal, and found there.")
                : .warning(
                    "A test line was sent to the journal and not found there: you may not read it, or it stores nothing.",
                    "run this as root, or as a member of the group systemd-journal; \(remedy)")
        } catch {
            return .error("A test line was not taken: \(error)", remedy)
        }
    }

    private static var storage: Finding {
        JournalEcho.isPersistent
            ? .ok("The journal is kept on disk.")
            : .warning(
                "The journal is kept in memory, and gone after a reboot.",
                "sudo mkdir -p /var/log/journal && sudo systemctl restart systemd-journald")
    }

    /// A bound that is not reached, in entries.
    private static let enough = 1_000_000

    /// Nothing, where no systemd can be asked, and so no unit has a rate.
    private static var rateLimit: Finding? {
        let name = OsquerydUnit.name
        let found: Unit?
        do {
            found = try OsquerydUnit.look([.logRateLimitInterval, .logRateLimitBurst])
        } catch {
            return nil
        }
        guard let unit = found else {
            return .warning("systemd has not loaded \(name).", "sudo systemctl enable --now \(name)")
        }
        // LogRateLimitIntervalSec=0 is taken for “not set” (systemd 252: src/core/unit.c).
        let isWide = unit.logRateLimitInterval ?? 0 > 0 && unit.logRateLimitBurst ?? 0 >= enough
        let settings = (try? readLines(at: "/etc/systemd/journald.conf")) ?? []
        let isOff = settings.contains { ["RateLimitIntervalSec=0", "RateLimitBurst=0"].contains($0) }
        return isWide || isOff
            ? .ok("journald's rate limit does not bound \(name).")
            : .warning(
                "journald drops what \(name) logs beyond some 10,000 entries in 30 s.",
                "sudo systemctl edit \(name): [Service] LogRateLimitIntervalSec=1s LogRateLimitBurst=100000000, a line each"
            )
    }
}
