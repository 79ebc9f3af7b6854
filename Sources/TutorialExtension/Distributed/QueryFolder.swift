import CLinux
import Glibc
import SystemCalls

/// The folder that queries are dropped into: 0700, of our own user, with `results` and `done` in it, and never reached, nor
/// anything in it, through a symbolic link.
///
/// Sendable because the descriptors never change, and what they lead to is the kernel's to guard.
final class QueryFolder: Sendable {
    let path: String
    private let folder: FileDescriptor
    private let results: FileDescriptor
    private let done: FileDescriptor
    private let changes: FileDescriptor
    /// Those of the three directories.
    private let identities: [FileIdentity]

    init(path: String) throws(SystemError) {
        self.path = path
        folder = try Self.open(path, at: AT_FDCWD, path)
        results = try Self.make("results", in: folder, path)
        done = try Self.make("done", in: folder, path)
        identities = [
            try FileIdentity(of: folder, path), try FileIdentity(of: results, path), try FileIdentity(of: done, path),
        ]
        changes = try FileDescriptor(
            inotify_init1(Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)), or: "watch", path)
        let events = UInt32(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB)
        guard inotify_add_watch(changes.rawValue, descriptorPath, events) >= 0 else {
            throw SystemError("watch", path)
        }
        try checkAccess()
    }

    private static func make(
        _ name: String, in folder: borrowing FileDescriptor, _ path: String
    ) throws(SystemError) -> FileDescriptor {
        if mkdirat(folder.rawValue, name, 0o700) != 0 && errno != EEXIST {
            throw SystemError("make the directory", "\(path)/\(name)")
        }
        return try open(name, at: folder.rawValue, "\(path)/\(name)")
    }

    /// The sandbox knows the directory that was there when the process began; in another one nothing can be written.
    private func checkAccess() throws(SystemError) {
        // O_NONBLOCK: a pipe of that name must not hold us up.
        let flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let file = openat(results.rawValue, ".new", flags, 0o600)
        if file >= 0 {
            close(file)
            unlinkat(results.rawValue, ".new", 0)
        } else if errno == EACCES {
            throw SystemError("write to", "\(path)/results")
        }
    }

    private static func open(_ name: String, at folder: Int32, _ path: String) throws(SystemError) -> FileDescriptor {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let descriptor = try FileDescriptor(openat(folder, name, flags), or: "open the directory for queries", path)
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0 else { throw SystemError("look at", path) }
        // Whoever can write here asks what root can see.
        guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw SystemError(
                "use the directory for queries, which must be our own user's with mode 0700,", path, code: EPERM)
        }
        return descriptor
    }

    /// Whether the paths still lead to the directories that are open.
    var isInPlace: Bool {
        identities == [
            FileIdentity(path: path), FileIdentity("results", in: folder), FileIdentity("done", in: folder),
        ]
    }

    /// Whether there is a file of this name, whatever it is.
    func holds(_ fileName: String) -> Bool { FileIdentity(fileName, in: folder) != nil }

    /// Whether something has happened in the folder since the last call.
    func hasChanged() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { events in
            var hasChanged = false
            while read(changes.rawValue, events.baseAddress, events.count) > 0 { hasChanged = true }
            return hasChanged
        }
    }

    /// A query, or why a file with a query's name is none.
    enum Entry: Equatable {
        case query(QueryFile)
        case bad(fileName: String, reason: String)
        /// Somebody may still be writing it.
        case unfinished
        /// Somebody has removed it.
        case gone

        /// The file's name, where it is to be answered.
        var fileName: String? {
            switch self {
            case .query(let query): query.fileName
            case .bad(let fileName, _): fileName
            case .unfinished, .gone: nil
            }
        }
    }

    /// The names of the files that have a query's name, in order.
    func fileNames() throws(SystemError) -> [String] {
        try folder.namesInDirectory(path).filter(QueryFile.isQuery).sorted()
    }

    /// What a file of this name is.
    func entry(_ name: String) -> Entry {
        do {
            // O_NONBLOCK: a pipe of that name must not hold us up.
            let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
            let file = try FileDescriptor(openat(folder.rawValue, name, flags), or: "open", name)
            var status = stat()
            guard fstat(file.rawValue, &status) == 0 else { throw SystemError("look at", name) }
            if status.st_mode & S_IFMT == S_IFREG && !Self.isFinished(file, status) { return .unfinished }
            guard status.st_size <= QueryFile.largest else { throw QueryFileError.tooLarge }
            let text = try file.readAll(limit: QueryFile.largest, name)
            return .query(try QueryFile(fileName: name, text: String(decoding: text, as: UTF8.self)))
        } catch {
            if let error = error as? SystemError, error.code == ENOENT { return .gone }
            return .bad(fileName: name, reason: "\(error)")
        }
    }

    /// Whether nobody writes a file any more: it was not written for a second, and nobody has it open for writing, which is when
    /// the kernel grants a lease on it (fcntl(2), F_SETLEASE).
    private static func isFinished(_ file: borrowing FileDescriptor, _ status: stat) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age = Double(now.tv_sec - status.st_mtim.tv_sec) + Double(now.tv_nsec - status.st_mtim.tv_nsec) / 1e9
        // A file from the future is not to be waited for.
        guard age >= 1 || age < 0 else { return false }
        guard fcntl(file.rawValue, F_SETLEASE, F_RDLCK) == 0 else { return errno != EAGAIN }
        _ = fcntl(file.rawValue, F_SETLEASE, F_UNLCK)
        return true
    }

    /// Puts a result into `results`, whole or not at all, and on the disk before this returns.
    func writeResult(_ name: String, _ text: String) throws(SystemError) {
        try results.replaceFile(
            "\(name).json", by: ".\(name).new", with: Array(text.utf8), "\(path)/results/\(name).json")
    }

    /// Takes a result away again.
    func removeResult(_ name: String) {
        unlinkat(results.rawValue, "\(name).json", 0)
    }

    /// What was answered goes to `done`. What has been put in its place meanwhile stays.
    ///
    /// - Returns: Whether it was there; who has removed it wants it no more.
    func finish(_ answered: Entry) throws(SystemError) -> Bool {
        guard let fileName = answered.fileName else { return false }
        let entry = entry(fileName)
        guard entry == answered else { return entry != .gone }
        if renameat(folder.rawValue, fileName, done.rawValue, fileName) == 0 { return true }
        let error = SystemError("move to done", "\(path)/\(fileName)")
        // ENOENT may also mean that `done` was removed.
        guard error.code != ENOENT || holds(fileName) else { return false }
        throw error
    }

    /// The folder that was checked, wherever its path leads to by now; as long as this value is there.
    var descriptorPath: String { "/proc/self/fd/\(folder.rawValue)" }
}
