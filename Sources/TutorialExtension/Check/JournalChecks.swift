import Journal
import Systemd

/// Whether what is sent is taken, kept and found.
struct JournalChecks {
    /// osqueryd's unit; nil where systemd has not loaded it.
    private let unit: Unit?
    private let isSystemdThere: Bool
    /// The one that osqueryd's unit logs to, which that of this process need not be.
    private let namespace: JournalNamespace
    private let configuration: JournaldConfiguration

    static var findings: [Finding] { JournalChecks().findings }

    private init() {
        do {
            unit = try OsquerydUnit.look([.logNamespace, .logRateLimitInterval, .logRateLimitBurst])
            isSystemdThere = true
        } catch {
            (unit, isSystemdThere) = (nil, false)
        }
        namespace = unit.map { JournalNamespace(name: $0.logNamespace) } ?? .current
        configuration = JournaldConfiguration(of: namespace)
    }

    private var findings: [Finding] {
        guard let echo = JournalEcho(namespace) else {
            return [outOfReach, storage] + (rateLimit.map { [$0] } ?? [])
        }
        guard echo.isReachable else {
            return [
                .error(
                    "There is no systemd-journald at \(echo.socketPath): logs are kept on disk.",
                    "sudo systemctl start \(namespace.unitName).socket \(namespace.unitName)")
            ]
        }
        return [line(echo), storage] + (rateLimit.map { [$0] } ?? [])
    }

    /// systemd mounts the directory of this process's namespace over that of the default one.
    private var outOfReach: Finding {
        .warning(
            "No test line was sent: \(OsquerydUnit.name) logs to the default namespace of the journal, which cannot be reached from the "
                + "namespace \(JournalNamespace.current.name ?? "") that this process is in.",
            "run this outside of a unit with LogNamespace=")
    }

    private func line(_ echo: JournalEcho) -> Finding {
        let option = namespace.name.map { " --namespace=\($0)" } ?? ""
        let journal = namespace.name.map { "the journal's namespace \($0)" } ?? "the journal"
        let remedy = "journalctl\(option) --verify; systemctl status \(namespace.unitName)"
        do {
            let isHeard = try echo.isHeard(
                message: "A line to see whether it can be found.", identifier: Words.identifier)
            return isHeard
                ? .ok("A test line was sent to \(journal), and found there.")
                : .warning(
                    "A test line was sent to \(journal) and not found there: you may not read it, or it stores nothing.",
                    "run this as root, or as a member of the group systemd-journal; \(remedy)")
        } catch {
            return .error("A test line was not taken: \(error)", remedy)
        }
    }

    private var storage: Finding {
        if configuration.isPersistent { return .ok("The journal is kept on disk.") }
        let restart = "sudo systemctl restart \(namespace.unitName)"
        switch configuration.storage {
        case "none": return .error("journald stores nothing: Storage=none.", "\(setStorage); \(restart)")
        case "volatile":
            return .warning(
                "The journal is kept in memory, and gone after a reboot: Storage=volatile.", "\(setStorage); \(restart)"
            )
        default:
            return .warning(
                "The journal is kept in memory, and gone after a reboot.",
                "sudo mkdir -p /var/log/journal && \(restart)")
        }
    }

    private var setStorage: String { "set Storage=persistent in /etc/systemd/\(namespace.configurationName)" }

    /// A bound that is not reached, in entries.
    private static let enough = 1_000_000

    /// Nothing, where no systemd can be asked, and so no unit has a rate.
    private var rateLimit: Finding? {
        let name = OsquerydUnit.name
        guard isSystemdThere else { return nil }
        guard let unit else {
            return .warning("systemd has not loaded \(name).", "sudo systemctl enable --now \(name)")
        }
        // LogRateLimitIntervalSec=0 is taken for “not set” (systemd 252: src/core/unit.c).
        let own = (interval: unit.logRateLimitInterval ?? 0, burst: Int(unit.logRateLimitBurst ?? 0))
        let interval = own.interval > 0 ? Double(own.interval) / 1e6 : configuration.rateLimitInterval
        let burst = own.burst > 0 ? own.burst : configuration.rateLimitBurst
        return interval == 0 || burst == 0 || burst >= Self.enough
            ? .ok("journald's rate limit does not bound \(name).")
            : .warning(
                "journald drops what \(name) logs beyond some \(burst) entries in \(interval.formatted) s.",
                "sudo systemctl edit \(name): [Service] LogRateLimitIntervalSec=1s LogRateLimitBurst=100000000, a line each"
            )
    }
}

extension Double {
    /// Without a fraction where it has none.
    fileprivate var formatted: String { Int(exactly: self).map { "\($0)" } ?? "\(self)" }
}
