import Glibc
import Journal
import SystemCalls

/// Whether there is room for what journald does not take, and what waits there.
enum SpoolChecks {
    static func findings(_ settings: JournalSettings) -> [Finding] {
        let path = settings.spool
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return [.ok("Nothing is kept on disk: there is no \(path), which is made when it is needed.")]
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return [.error("\(path) is no folder: nothing can be kept there.", "sudo mv \(path) \(path).old")]
        }
        var findings: [Finding] = []
        if status.st_mode & 0o077 != 0 {
            findings.append(.warning("The folder \(path) is open to others than its owner.", "sudo chmod 0700 \(path)"))
        }
        var system = statvfs()
        if statvfs(path, &system) == 0 {
            let free = Int(system.f_bavail) * Int(system.f_frsize)
            if free < settings.spoolLimit {
                findings.append(
                    .warning(
                        "\(free >> 20) MiB are free at \(path), of \(settings.spoolLimit >> 20) MiB that may be kept there.",
                        "make room, or set OSQUERY_JOURNAL_SPOOL_MAX=\(free >> 21)M"))
            }
        }
        do {
            var entries = 0
            let odd = try SpoolListing.forEachEntry(at: path) { entry, _ in entries += entry.size }
            let waiting = entries + odd
            findings.append(
                waiting > 0
                    ? .warning(
                        "\(waiting) bytes are kept at \(path) and have not come into the journal.",
                        "systemctl status systemd-journald osqueryd; tutorial-extension spool list")
                    : .ok("Nothing waits at \(path)."))
        } catch {
            findings.append(.error("\(error)", "run this as root"))
        }
        return findings
    }
}
