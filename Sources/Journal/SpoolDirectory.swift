import Glibc
import SystemCalls

/// The folder of the spool: 0700, held by one process at a time, never reached through a symbolic link.
final class SpoolDirectory: Sendable {
    let path: String
    private let descriptor: Int32
    private let lock: Int32

    private static let segmentPrefix = "spool-"
    private static let suffix = ".export"
    /// A segment that is being written anew, and none yet.
    static let rewriteName = "rewrite"

    /// Makes the folder where it is missing, and takes its lock.
    init(path: String) throws(SystemError) {
        if mkdir(path, 0o700) != 0 && errno != EEXIST { throw SystemError("make the spool's folder", path) }
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open the spool's folder", path) }
        do {
            try Self.claim(descriptor, path)
            lock = try Self.takeLock(in: descriptor, path)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(lock)
        close(descriptor)
    }

    /// Logs are nobody else's business: a folder of another user's is refused, one of ours is closed to others.
    private static func claim(_ descriptor: Int32, _ path: String) throws(SystemError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("look at the spool's folder", path) }
        guard status.st_uid == geteuid() else {
            throw SystemError("use another user's folder as spool:", path, code: EPERM)
        }
        if status.st_mode & 0o777 != 0o700 && fchmod(descriptor, 0o700) != 0 {
            throw SystemError("close to others the spool's folder", path)
        }
    }

    private static func takeLock(in directory: Int32, _ path: String) throws(SystemError) -> Int32 {
        let lock = openat(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw SystemError("make a lock in", path) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(lock)
            throw SystemError("take the spool's lock, which another process holds, in", path, code: code)
        }
        return lock
    }

    /// Whether the path still leads to the folder that is open.
    var isInPlace: Bool {
        var here = stat()
        var there = stat()
        return fstat(descriptor, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino
            && here.st_dev == there.st_dev
    }

    func open(_ name: String, _ flags: Int32) throws(SystemError) -> Int32 {
        let file = openat(descriptor, name, flags | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SystemError("open", "\(path)/\(name)") }
        return file
    }

    /// A file to append to, which is there for as long as it is open.
    func namelessFile() throws(SystemError) -> FileDescriptor {
        let name = "reserve"
        remove(name)
        let file = try FileDescriptor(
            open(name, O_RDWR | O_CREAT | O_EXCL | O_APPEND), or: "make", "\(path)/\(name)")
        remove(name)
        return file
    }

    func rename(_ name: String, to newName: String) throws(SystemError) {
        guard renameat(descriptor, name, descriptor, newName) == 0 else {
            throw SystemError("rename", "\(path)/\(name)")
        }
        sync()
    }

    func remove(_ name: String) {
        unlinkat(descriptor, name, 0)
    }

    /// Makes what was created or removed last through a power cut.
    func sync() {
        fsync(descriptor)
    }

    static func segmentName(_ first: UInt64) -> String {
        segmentPrefix + SpoolEntry.hexadecimal(first) + suffix
    }

    /// The segments there are, oldest first: the number of each one's first entry, and its size.
    func segments() throws(SystemError) -> [(first: UInt64, size: Int)] {
        try Self.segments(in: descriptor, path)
    }

    /// The segments of a folder that another process may hold.
    static func segments(at path: String) throws(SystemError) -> [(first: UInt64, size: Int)] {
        let folder = try FileDescriptor(
            Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), or: "open the spool's folder", path)
        return try segments(in: folder.rawValue, path)
    }

    private static func segments(
        in folder: Int32, _ path: String
    ) throws(SystemError) -> [(first: UInt64, size: Int)] {
        var segments: [(first: UInt64, size: Int)] = []
        for name in try namesInFolder(closing: dup(folder), path) {
            guard name.hasPrefix(segmentPrefix), name.hasSuffix(suffix),
                let first = UInt64(name.dropFirst(segmentPrefix.count).dropLast(suffix.count), radix: 16)
            else { continue }
            var status = stat()
            guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            segments.append((first, Int(status.st_size)))
        }
        return segments.sorted { $0.first < $1.first }
    }
}
