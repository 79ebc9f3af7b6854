import Glibc
import SystemCalls

/// The directory of the spool: of our own user, mode 0700, with no files but ours, never reached through a symbolic link.
///
/// The mode of a directory that somebody else has made is never changed, and no file in it touched: one that does not fit is refused.
final class SpoolDirectory: Sendable {
    let path: String
    private let descriptor: FileDescriptor
    private let identity: FileIdentity

    /// Opens the directory.
    ///
    /// - Parameters:
    ///   - isOwn: Whether it is there for this program alone, such as what systemd's StateDirectory= names: then other files in it
    ///     are no reason to refuse it.
    ///   - creating: Whether to make it where it is missing.
    init(path: String, isOwn: Bool, creating: Bool = true) throws(SystemError) {
        let isMade = creating && mkdir(path, 0o700) == 0
        if creating && !isMade && errno != EEXIST { throw SystemError("make the spool's directory", path) }
        self.path = path
        descriptor = try FileDescriptor(
            Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), or: "open the spool's directory", path)
        identity = try FileIdentity(of: descriptor, path)
        try checkOwner()
        if isMade {
            try sync("..")
        } else {
            if !isOwn { try checkNames() }
            try checkMode()
        }
    }

    /// Opens a directory, whosever it is, to look at what is in it.
    init(readingFrom path: String) throws(SystemError) {
        self.path = path
        descriptor = try FileDescriptor(
            Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), or: "open the spool's directory", path)
        identity = try FileIdentity(of: descriptor, path)
    }

    private func checkOwner() throws(SystemError) {
        let status = try status()
        guard status.st_uid == geteuid() else {
            throw refusal(
                "it belongs to user \(status.st_uid), and this process runs as user \(geteuid()). Name another directory in"
                    + " OSQUERY_JOURNAL_SPOOL, or change its owner")
        }
    }

    private func checkMode() throws(SystemError) {
        let mode = try status().st_mode & 0o7777
        guard mode & 0o777 == 0o700 else {
            throw refusal(
                "its mode is 0\(String(mode, radix: 8)) and not 0700, and logs are nobody else's business. Name another directory in"
                    + " OSQUERY_JOURNAL_SPOOL, or where this one is for nothing else, run chmod 0700 (StateDirectoryMode=0700 where"
                    + " systemd makes it)")
        }
    }

    /// Where a database is, the directory was found fit when that was made.
    private func checkNames() throws(SystemError) {
        let names = try names()
        if names.contains(where: { SpoolFile.salt(of: $0) != nil }) { return }
        if let foreign = names.first(where: { !Self.isOurs($0) }) {
            throw refusal(
                "there are other files in it, such as “\(foreign)”. Name an empty directory in OSQUERY_JOURNAL_SPOOL, or one that"
                    + " does not exist yet")
        }
    }

    private func status() throws(SystemError) -> stat {
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0 else { throw SystemError("look at the spool's directory", path) }
        return status
    }

    private func refusal(_ reason: String) -> SystemError {
        SystemError("use as spool the directory", path, code: EPERM, reason: reason)
    }

    private static func isOurs(_ name: String) -> Bool {
        [".", "..", StreamRecord.name, JournalSettings.companionDirectory].contains(name)
            || LegacySpool.otherNames.contains(name)
            || name.hasPrefix(SpoolFile.setAsidePrefix) || LegacySpool.firstNumber(ofSegment: name) != nil
            || SpoolFile.suffixes.contains {
                name.hasSuffix($0) && SpoolFile.salt(of: String(name.dropLast($0.utf8.count))) != nil
            }
    }

    /// Whether the path still leads to the directory that is open.
    var isInPlace: Bool { FileIdentity(path, in: descriptor) == identity }

    /// Whether the name leads to the file.
    func holds(_ identity: FileIdentity, as name: String) -> Bool { FileIdentity(name, in: descriptor) == identity }

    /// Opens a regular file of the directory.
    func open(_ name: String, _ flags: Int32) throws(SystemError) -> FileDescriptor {
        // O_NONBLOCK: a pipe there must not hold us up.
        let file = try FileDescriptor(
            openat(descriptor.rawValue, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o600), or: "open",
            "\(path)/\(name)")
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw SystemError("look at", "\(path)/\(name)") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError("use", "\(path)/\(name)", code: EINVAL, reason: "it is not a regular file")
        }
        return file
    }

    /// The first bytes of a file; none where it does not exist, or has not so many.
    func read(_ name: String, count: Int) throws(SystemError) -> [UInt8] {
        do throws(SystemError) {
            return try open(name, O_RDONLY).bytes(at: 0, count: count, "\(path)/\(name)") ?? []
        } catch {
            if error.code == ENOENT { return [] }
            throw error
        }
    }

    /// The number that ``writeNumber(_:to:)`` wrote; 0 where it has written none.
    func readNumber(_ name: String) throws(SystemError) -> Int64 {
        parseHexadecimal(Substring(decoding: try read(name, count: 16), as: UTF8.self)).map { Int64(clamping: $0) } ?? 0
    }

    /// Puts a number into a file of its own, and returns when it is on the disk.
    func writeNumber(_ number: Int64, to name: String) throws(SystemError) {
        let file = try open(name, O_WRONLY | O_CREAT)
        let digits = Array(hexadecimal(UInt64(number)).utf8)
        guard pwrite(file.rawValue, digits, digits.count, 0) == digits.count, fdatasync(file.rawValue) == 0 else {
            throw SystemError("write to", "\(path)/\(name)")
        }
    }

    /// Renames a file, if it exists.
    func rename(_ name: String, to newName: String) throws(SystemError) {
        guard renameat(descriptor.rawValue, name, descriptor.rawValue, newName) == 0 || errno == ENOENT else {
            throw SystemError("rename", "\(path)/\(name)")
        }
    }

    /// Removes a file, if it exists.
    func remove(_ name: String) throws(SystemError) {
        guard unlinkat(descriptor.rawValue, name, 0) == 0 || errno == ENOENT else {
            throw SystemError("remove", "\(path)/\(name)")
        }
    }

    /// Makes what was created, renamed or removed last survive a power cut.
    ///
    /// - Parameter name: The directory itself, or the one above it.
    func sync(_ name: String = ".") throws(SystemError) {
        let directory = openat(descriptor.rawValue, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // A directory that may be entered and not read cannot be flushed, and need not be ours.
        if directory < 0 && name == ".." && errno == EACCES { return }
        let file = try FileDescriptor(directory, or: "open", path)
        guard fsync(file.rawValue) == 0 || errno == EINVAL else { throw SystemError("flush", path) }
    }

    func names() throws(SystemError) -> [String] {
        try descriptor.namesInDirectory(path)
    }
}
