import CSystemd
import Glibc
import SystemCalls

/// The files of the journal that may have entries sent since some time, opened to be read and flushed.
struct JournalFiles: ~Copyable {
    /// A file of the journal.
    final class File: Sendable {
        let path: String
        let descriptor: FileDescriptor

        init(_ path: String, _ descriptor: consuming FileDescriptor) {
            self.path = path
            self.descriptor = descriptor
        }
    }

    private static let persistent = "/var/log/journal"
    private static let volatile = "/run/log/journal"

    let files: [File]
    /// Why a file or a directory could not be opened: what is not found may be there.
    let error: SystemError?

    /// Opens the files: those that journald writes to now, and older ones that were written to after `since`.
    ///
    /// - Parameter since: In seconds since 1970; nil for all files.
    init(since: Int?) {
        var files: [File] = []
        var failure: SystemError?
        for directory in [Self.volatile, Self.persistent].map({ "\($0)/\(Self.directoryName)" }) {
            do throws(SystemError) {
                for name in try Self.names(in: directory) where Self.isJournal(name) {
                    let path = "\(directory)/\(name)"
                    var status = stat()
                    guard stat(path, &status) == 0 else { continue }
                    let isModified = status.st_mtim.tv_sec >= since ?? .min
                    // Whatever a clock that was set says, journald writes to this one now.
                    guard isModified || name == "system.journal" else { continue }
                    do throws(SystemError) {
                        let file = try FileDescriptor(open(path, O_RDONLY | O_CLOEXEC), or: "open", path)
                        files.append(File(path, file))
                    } catch {
                        // ENOENT: it was renamed or removed in this very moment.
                        failure = error
                    }
                }
            } catch {
                failure = error
            }
        }
        self.files = files
        self.error = failure
    }

    /// What a journald that was killed has left, its successor gives a name with “~” (systemd: journal_file_dispose).
    private static func isJournal(_ name: String) -> Bool { name.hasSuffix(".journal") || name.hasSuffix(".journal~") }

    /// The directory of the files on disk, or of those in memory; nil where there is none.
    static func directory(isVolatile: Bool) -> String? {
        let path = "\(isVolatile ? volatile : persistent)/\(directoryName)"
        return access(path, F_OK) == 0 ? path : nil
    }

    /// Whether there is a journal on disk, of whatever machine and namespace.
    static var isPersistentDirectoryThere: Bool { access(persistent, F_OK) == 0 }

    /// The names in a directory; none where there is no directory.
    private static func names(in directory: String) throws(SystemError) -> [String] {
        do throws(SystemError) {
            return try namesInDirectory(at: directory)
        } catch {
            if error.code == ENOENT { return [] }
            throw error
        }
    }

    /// Bytes that the files in a directory take.
    static func usedSpace(of directory: String) -> Int {
        ((try? names(in: directory)) ?? []).reduce(0) { sum, name in
            var status = stat()
            guard stat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return sum }
            return sum + Int(status.st_blocks) * 512
        }
    }

    /// The directory below the journal's that is this machine's and our namespace's.
    private static var directoryName: String {
        var id = sd_id128_t()
        guard sd_id128_get_machine(&id) >= 0 else { return "unknown" }
        return StreamID(id).text + JournalNamespace.current.suffix
    }

    /// Whether all of them are in memory, and gone after a reboot (journald.conf(5), Storage=volatile).
    var isVolatile: Bool { !files.isEmpty && files.allSatisfy { $0.path.hasPrefix(Self.volatile) } }

    /// Bytes that are free where the journal is; 0 where that cannot be told.
    var freeSpace: Int {
        guard let file = files.last else { return 0 }
        var status = statvfs()
        guard fstatvfs(file.descriptor.rawValue, &status) == 0 else { return 0 }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// Returns when what was written to the files by now, by whoever, is on the disk; why it is not.
    func flush() -> SystemError? {
        // EINVAL: on what cannot be flushed there is nothing to flush.
        for file in files where fsync(file.descriptor.rawValue) != 0 && errno != EINVAL {
            return SystemError("flush", file.path)
        }
        return nil
    }

    /// Which of the entries are in the files.
    ///
    /// - Returns: The entries, and why there may be more of them.
    func find(_ wanted: Set<EntryID>) -> (found: Set<EntryID>, error: SystemError?) {
        var found: Set<EntryID> = []
        var error = error
        let streams = Dictionary(grouping: wanted, by: \.stream)
        for file in files {
            guard let reader = JournalReader(file.descriptor.rawValue, isAbandoned: file.path.hasSuffix("~"))
            else {
                error = SystemError("read", file.path, code: EUCLEAN)
                continue
            }
            for (stream, ids) in streams {
                let missing = Set(ids.lazy.map(\.sequence)).subtracting(
                    found.lazy.filter { $0.stream == stream }.map(\.sequence))
                for sequence in reader.find(missing, of: stream) {
                    found.insert(EntryID(stream: stream, sequence: sequence))
                }
            }
        }
        return (found, error)
    }
}
