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
            return [.error("\(path) is not a directory: nothing can be kept there.", "sudo mv \(path) \(path).old")]
        }
        var findings: [Finding] = []
        do {
            try SpoolListing.check(path, isOwnDirectory: settings.isSpoolOwn)
        } catch {
            findings.append(
                .error(
                    "Logs cannot be kept on disk. \(error)",
                    "set OSQUERY_JOURNAL_SPOOL to a directory of mode 0700 that is for nothing else"))
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
            let files = try JournalSettings.directories(ofSpool: path).flatMap { try SpoolListing.files(at: $0) }
            let entries = files.reduce(0) { $0 + $1.entries }
            let unreadable = files.reduce(0) { $0 + $1.unreadable }
            if unreadable > 0 {
                findings.append(
                    .error(
                        "\(Words.entries(unreadable)) that \(unreadable == 1 ? "is" : "are") kept at \(path) cannot be read.",
                        "sudo dmesg; sudo tutorial-extension spool list"))
            }
            findings.append(
                entries > 0
                    ? .warning(
                        "\(Words.entries(entries)) \(entries == 1 ? "is" : "are") kept at \(path), and not yet in the journal.",
                        "systemctl status systemd-journald osqueryd; tutorial-extension spool list")
                    : .ok("Nothing waits at \(path)."))
        } catch {
            findings.append(.error("\(error)", "run this as root"))
        }
        return findings
    }
}
