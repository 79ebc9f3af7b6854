import CLinux
import Glibc
import Logging
import SystemCalls

/// Where files may be written, enforced by the kernel (landlock(7)): in the folders that this process has a use for, each no more than
/// that takes, and nowhere else. Nothing can be executed. What may be read and connected to is not restricted.
///
/// It holds for the thread that enters it and for all that it starts: to be entered before there is another.
struct Sandbox {
    private var folders: [(path: String, access: Access, isOurs: Bool)] = []

    /// The rights to a folder and all below it, with the numbers of linux/landlock.h.
    struct Access: OptionSet {
        let rawValue: UInt64

        static let execute = Access(rawValue: 1 << 0)
        static let writeFile = Access(rawValue: 1 << 1)
        static let removeDirectory = Access(rawValue: 1 << 4)
        static let removeFile = Access(rawValue: 1 << 5)
        static let makeCharacterDevice = Access(rawValue: 1 << 6)
        static let makeDirectory = Access(rawValue: 1 << 7)
        static let makeRegularFile = Access(rawValue: 1 << 8)
        static let makeSocket = Access(rawValue: 1 << 9)
        static let makeFIFO = Access(rawValue: 1 << 10)
        static let makeBlockDevice = Access(rawValue: 1 << 11)
        static let makeSymbolicLink = Access(rawValue: 1 << 12)
        /// Renaming from one folder into another; since version 2.
        static let refer = Access(rawValue: 1 << 13)
        /// Since version 3.
        static let truncate = Access(rawValue: 1 << 14)

        /// All that changes files or executes them.
        static let handled: Access = [
            .execute, .writeFile, .removeDirectory, .removeFile, .makeCharacterDevice, .makeDirectory, .makeRegularFile,
            .makeSocket, .makeFIFO, .makeBlockDevice, .makeSymbolicLink, .refer, .truncate,
        ]
        /// A folder of files.
        static let files: Access = [.writeFile, .removeFile, .makeRegularFile, .truncate]
    }

    /// What the extension writes to: the folder of osqueryd's socket, the spool and, where they are in use, the last good
    /// configuration's and that of live queries.
    init(socket: String, spool: String) {
        let parent = socket.lastIndex(of: "/").map { String(socket[...$0]) } ?? "."
        folders.append((parent, [.makeSocket, .removeFile], isOurs: false))
        folders.append((spool, .files, isOurs: true))
        if let folder = GistNames.folder { folders.append((folder, .files, isOurs: true)) }
        if let folder = Environment[.queries] {
            folders.append((folder, Access.files.union([.makeDirectory, .refer]), isOurs: false))
        }
    }

    /// Enters it, unless OSQUERY_EXTENSION_SANDBOX=0 says not to. Where that cannot be, that is said, and nothing else changes: logs
    /// that cannot be kept are worse than a process that is not confined.
    func enter(_ logger: Logger) {
        let setting = Environment[.sandbox] ?? "1"
        if setting == "0" { return }
        // Whoever waits in vain for a socket there has more to say.
        guard access(folders[0].path, F_OK) == 0 else { return }
        if setting != "1" { logger.error("OSQUERY_EXTENSION_SANDBOX=\(setting) is neither 0 nor 1: 1 it is.") }
        do {
            try enter()
        } catch {
            logger.notice("What may be written to is not confined: \(error)")
        }
    }

    /// Confines this thread, and all that it will start, for good.
    private func enter() throws(SystemError) {
        let version = landlock_version()
        guard version >= 1 else { throw SystemError("use", "Landlock") }
        guard version >= 2 else { throw SystemError("rename files with", "the first version of Landlock", code: EXDEV) }
        let handled = version >= 3 ? Access.handled : Access.handled.subtracting(.truncate)
        let rules = try FileDescriptor(landlock_create(handled.rawValue), or: "make", "a Landlock rule set")
        for (path, access, isOurs) in folders {
            if isOurs { mkdir(path, 0o700) }
            let folder = try FileDescriptor(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), or: "open", path)
            guard landlock_allow(rules.rawValue, access.intersection(handled).rawValue, folder.rawValue) == 0 else {
                throw SystemError("make a Landlock rule for", path)
            }
        }
        guard landlock_enter(rules.rawValue) == 0 else { throw SystemError("enter", "a Landlock rule set") }
    }
}
