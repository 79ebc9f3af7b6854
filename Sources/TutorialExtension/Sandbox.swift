import CLinux
import Glibc
import Logging
import SystemCalls

/// Where files may be written, enforced by the kernel (landlock(7)): in the folders that this process has a use for, each no more than
/// that takes, and nowhere else. Nothing can be executed (``SystemCallFilter``). What may be read and connected to is not restricted.
///
/// It holds for the thread that enters it and for all that it starts: to be entered before there is another.
struct Sandbox {
    private typealias Access = UInt64

    /// All that changes files or executes them.
    private static let handled: Access =
        LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR
        | LANDLOCK_ACCESS_FS_MAKE_FIFO
        | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | files | folders | sockets
    /// What a folder of files takes.
    private static let files: Access =
        LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG
        | LANDLOCK_ACCESS_FS_TRUNCATE
    /// What a folder with folders takes besides: making them, and renaming from one into another.
    private static let folders: Access = LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER
    /// What a folder of sockets takes.
    private static let sockets: Access = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE

    /// Each with what is allowed in it and all below it, and whether it is ours to make.
    private var rules: [(folder: String, access: Access, isOurs: Bool)] = []

    /// What the extension writes to: the folder of osqueryd's socket, the spool and, where they are in use, the last good
    /// configuration's and that of live queries.
    init(socket: String, spool: String) {
        let parent = socket.lastIndex(of: "/").map { String(socket[...$0]) } ?? "."
        rules.append((parent, Self.sockets, isOurs: false))
        rules.append((spool, Self.files, isOurs: true))
        if let folder = GistNames.folder { rules.append((folder, Self.files, isOurs: true)) }
        if let folder = Environment[.queries] { rules.append((folder, Self.files | Self.folders, isOurs: false)) }
    }

    /// Enters it, unless OSQUERY_EXTENSION_SANDBOX=0 says not to. Where that cannot be, that is said, and nothing else changes: logs
    /// that cannot be kept are worse than a process that is not confined.
    func enter(_ logger: Logger) {
        let setting = Environment[.sandbox] ?? "1"
        if setting == "0" { return }
        if setting != "1" { logger.error("OSQUERY_EXTENSION_SANDBOX=\(setting) is neither 0 nor 1: 1 it is.") }
        // Apply both as far as possible; neither depends on the other.
        do {
            try SystemCallFilter.enter()
        } catch {
            logger.notice("What may be executed is not confined: \(error)")
        }
        // Whoever waits in vain for a socket there has more to say.
        guard access(rules[0].folder, F_OK) == 0 else { return }
        do {
            try confineFiles()
        } catch {
            logger.notice("What may be written to is not confined: \(error)")
        }
    }

    /// Confines this thread, and all that it will start, for good.
    private func confineFiles() throws(SystemError) {
        let version = landlock_version()
        guard version >= 1 else { throw SystemError("use", "Landlock") }
        guard version >= 2 else { throw SystemError("rename files with", "the first version of Landlock", code: EXDEV) }
        let handled = version >= 3 ? Self.handled : Self.handled & ~LANDLOCK_ACCESS_FS_TRUNCATE
        let ruleSet = try FileDescriptor(landlock_create(handled), or: "make", "a Landlock rule set")
        for (path, access, isOurs) in rules {
            if isOurs { mkdir(path, 0o700) }
            let folder = try FileDescriptor(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), or: "open", path)
            guard landlock_allow(ruleSet.rawValue, access & handled, folder.rawValue) == 0 else {
                throw SystemError("make a Landlock rule for", path)
            }
        }
        guard landlock_enter(ruleSet.rawValue) == 0 else { throw SystemError("enter", "a Landlock rule set") }
    }
}
