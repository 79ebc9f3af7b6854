import CLinux
import Glibc

/// What this process could do and has no use for.
enum Privileges {
    /// Gives it up, before anybody is answered.
    ///
    /// - No executable that it might be made to start gets more rights than it has itself (prctl(2), PR_SET_NO_NEW_PRIVS).
    /// - What it creates is for its own user alone.
    /// - It leaves no core dump, and other processes of the same user cannot read its memory: in it are logs, which say more of a
    ///   system than a crash is worth. Swift's own backtrace is not affected.
    static func giveUp() {
        _ = set_no_new_privileges()
        _ = set_not_dumpable()
        umask(0o077)
    }
}
