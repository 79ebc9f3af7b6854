import Glibc
import SystemCalls

/// The files of a database of the spool, `spool-SALT.db` and its WAL, and the lock (flock(2)) that says which process uses them.
///
/// The salt of its checksums is the database's name, which nothing that befalls its content can change.
final class SpoolFile {
    /// What the names of files that were set aside begin with.
    static let setAsidePrefix = "damaged-"
    /// What the names of a database's files end with, those that sqlite3(1) makes included.
    static let suffixes = ["", walSuffix, "-shm", "-journal", progressSuffix]
    private static let walSuffix = "-wal"
    /// Up to which entry a damaged database, to which nothing is written any more, was replayed.
    private static let progressSuffix = "-replayed"

    let directory: SpoolDirectory
    let salt: UInt64
    let database: FileDescriptor
    private let identity: FileIdentity
    private var isTaken = false
    /// The WAL that was opened last; it can be read even when the directory was removed.
    private var wal: WAL?

    private final class WAL {
        let descriptor: FileDescriptor
        let identity: FileIdentity

        init(_ descriptor: consuming FileDescriptor, _ path: String) throws(SystemError) {
            identity = try FileIdentity(of: descriptor, path)
            self.descriptor = descriptor
        }
    }

    private init(
        _ directory: SpoolDirectory, salt: UInt64, _ database: consuming FileDescriptor
    ) throws(SystemError) {
        self.directory = directory
        self.salt = salt
        identity = try FileIdentity(of: database, Self.name(salt))
        self.database = database
    }

    /// Makes the file of a new database.
    static func create(in directory: SpoolDirectory) throws(SystemError) -> SpoolFile {
        let salt = UInt64.random(in: .min ... .max)
        let file = try SpoolFile(
            directory, salt: salt, try directory.open(name(salt), O_RDWR | O_CREAT | O_EXCL))
        guard file.take() else { throw SystemError("lock", file.path) }
        try directory.sync()
        return file
    }

    /// Takes over the file of a database that no process uses; nil where it has just been removed.
    ///
    /// - Throws: EWOULDBLOCK where a process uses it.
    static func adopt(_ salt: UInt64, in directory: SpoolDirectory) throws(SystemError) -> SpoolFile? {
        // Where a WAL has lost its database there is still what it holds.
        let file = try SpoolFile(directory, salt: salt, try directory.open(name(salt), O_RDWR | O_CREAT))
        guard file.take() else {
            throw SystemError("use", file.path, reason: errno == EWOULDBLOCK ? "another process uses it" : nil)
        }
        return directory.holds(file.identity, as: name(salt)) ? file : nil
    }

    /// The file of a database that another process may use, to be read.
    static func observe(_ salt: UInt64, in directory: SpoolDirectory) throws(SystemError) -> SpoolFile {
        try SpoolFile(directory, salt: salt, try directory.open(name(salt), O_RDONLY))
    }

    /// Whether another process uses the database.
    var isInUse: Bool {
        if isTaken { return false }
        guard flock(database.rawValue, LOCK_SH | LOCK_NB) == 0 else { return errno == EWOULDBLOCK }
        // One that starts now is to find it free.
        flock(database.rawValue, LOCK_UN)
        return false
    }

    /// Takes the lock, if no process has it.
    private func take() -> Bool {
        isTaken = flock(database.rawValue, LOCK_EX | LOCK_NB) == 0
        return isTaken
    }

    var path: String { "\(directory.path)/\(Self.name(salt))" }

    /// Opens the WAL, where there is one.
    func openWAL() throws(SystemError) {
        do {
            wal = try WAL(try directory.open(Self.name(salt) + Self.walSuffix, O_RDONLY), path + Self.walSuffix)
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    /// Whether another process that looks at the directory finds these files.
    var isInPlace: Bool {
        directory.isInPlace && directory.holds(identity, as: Self.name(salt))
            && wal.map { directory.holds($0.identity, as: Self.name(salt) + Self.walSuffix) } ?? true
    }

    /// Bytes of the database and its WAL.
    var size: Int { database.size + walSize }

    /// Whether a process has ended while it made the database: nothing was kept in it by then.
    var isUnfinished: Bool {
        guard size <= 2 * SpoolDatabase.pageSize, walSize == 0 else { return false }
        let start = try? bytes(at: 0, count: 16, inWAL: false)
        return database.size == 0
            || start.map { $0 == Array("SQLite format 3\0".utf8) || $0.allSatisfy { $0 == 0 } } ?? false
    }

    /// Bytes of the WAL.
    var walSize: Int { wal?.descriptor.size ?? 0 }

    /// The `count` bytes at `offset` of the database or its WAL; nil where there are not so many.
    func bytes(at offset: Int, count: Int, inWAL isInWAL: Bool) throws(SystemError) -> [UInt8]? {
        isInWAL
            ? try wal?.descriptor.bytes(at: offset, count: count, path + Self.walSuffix)
            : try database.bytes(at: offset, count: count, path)
    }

    /// The number of the last entry of a damaged database that is in the journal; 0 where none is.
    func readProgress() throws(SystemError) -> Int64 { try directory.readNumber(Self.name(salt) + Self.progressSuffix) }

    /// Remembers it.
    func writeProgress(_ number: Int64) throws(SystemError) {
        try directory.writeNumber(number, to: Self.name(salt) + Self.progressSuffix)
    }

    /// Removes the files, the database last: a WAL without one would be taken for another's.
    func remove() throws(SystemError) {
        guard directory.holds(identity, as: Self.name(salt)) else { return }
        for suffix in Self.suffixes.reversed() { try directory.remove(Self.name(salt) + suffix) }
        try directory.sync()
    }

    /// The name that the database gets when it is set aside.
    var setAsidePath: String { "\(directory.path)/\(Self.setAsidePrefix)\(Self.name(salt))" }

    /// Gives the files names under which nobody reads them again.
    func setAside() throws(SystemError) {
        guard directory.holds(identity, as: Self.name(salt)) else { return }
        for suffix in Self.suffixes.reversed() {
            try directory.rename(Self.name(salt) + suffix, to: Self.setAsidePrefix + Self.name(salt) + suffix)
        }
        try directory.sync()
    }

    private static func name(_ salt: UInt64) -> String { "spool-\(hexadecimal(salt)).db" }

    /// The salts of the databases among the files of these names, and of those of which the WAL alone is left.
    static func salts(of names: [String]) -> Set<UInt64> {
        Set(names.compactMap { salt(of: $0.hasSuffix(walSuffix) ? String($0.dropLast(walSuffix.utf8.count)) : $0) })
    }

    /// The salt of the database of this name; nil where it is the name of something else.
    static func salt(of name: String) -> UInt64? {
        guard name.hasPrefix("spool-"), name.hasSuffix(".db") else { return nil }
        return parseHexadecimal(name.dropFirst(6).dropLast(3))
    }
}

/// A number as 16 digits.
func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// The number that ``hexadecimal(_:)`` wrote; nil for any other text.
func parseHexadecimal(_ text: Substring) -> UInt64? {
    UInt64(text, radix: 16).flatMap { hexadecimal($0) == text ? $0 : nil }
}
