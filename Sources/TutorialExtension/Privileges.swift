import CLinux
import Glibc

/// What this process could do and has no use for, and the one thing that it asks for before.
enum Privileges {
    /// Gives it up, before anybody is answered.
    ///
    /// - No executable that it might be made to start gets more rights than it has itself (prctl(2), PR_SET_NO_NEW_PRIVS).
    /// - What it creates is for its own user alone.
    /// - It leaves no core dump, and other processes of the same user cannot read its memory: in it are logs, which say more of a
    ///   system than a crash is worth.
    static func giveUp() {
        if !Companion.isThisProcess { lowerOOMScore() }
        _ = set_no_new_privileges()
        _ = set_not_dumpable()
        umask(0o077)
    }

    /// Has the kernel end others first when memory is short (proc(5), /proc/pid/oom_score_adj): without its logger osqueryd ends,
    /// too, and loses what it was about to log. Only with CAP_SYS_RESOURCE; without it nothing changes.
    private static func lowerOOMScore() {
        let wanted = -500
        guard let file = fopen("/proc/self/oom_score_adj", "r+") else { return }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 16)
        guard fgets(&line, Int32(line.count), file) != nil, atol(line) > wanted else { return }
        rewind(file)
        fputs("\(wanted)\n", file)
    }
}
