import Glibc
import Journal
import SystemCalls

/// Whether what is sent is taken, kept and found.
enum JournalChecks {
    /// Where a unit's drop-ins are (systemd.unit(5)), and journald's own settings.
    private static let dropInFolders = ["/etc", "/run", "/usr/lib", "/lib"].map {
        "\($0)/systemd/system/osqueryd.service.d"
    }

    static var findings: [Finding] {
        guard JournalEcho.isReachable else {
            return [
                .error(
                    "There is no systemd-journald at \(JournalEcho.socketPath): logs are kept on disk.",
                    "sudo systemctl start systemd-journald.socket systemd-journald")
            ]
        }
        return [echo, storage, rateLimit]
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

    private static var rateLimit: Finding {
        let settings = dropInFolders.flatMap(files).flatMap(lines)
        let bursts = settings.compactMap { $0.hasPrefix("LogRateLimitBurst=") ? Int($0.dropFirst(18)) : nil }
        // LogRateLimitIntervalSec=0 is taken for “not set”.
        let isWide = bursts.contains { $0 >= enough }
        let isOff = lines(of: "/etc/systemd/journald.conf").contains {
            ["RateLimitIntervalSec=0", "RateLimitBurst=0"].contains($0)
        }
        return isWide || isOff
            ? .ok("journald's rate limit does not bound osqueryd.service.")
            : .warning(
                "journald drops what osqueryd.service logs beyond some 10,000 entries in 30 s.",
                "sudo systemctl edit osqueryd.service: [Service] LogRateLimitIntervalSec=1s LogRateLimitBurst=100000000, a line each"
            )
    }

    private static func lines(of path: String) -> [Substring] {
        guard let bytes = try? readFile(at: path, limit: 1 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(\.trimmedWhitespace)
    }

    private static func files(in folder: String) -> [String] {
        let names = try? namesInFolder(closing: open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder)
        return (names ?? []).filter { $0.hasSuffix(".conf") }.map { "\(folder)/\($0)" }
    }
}
