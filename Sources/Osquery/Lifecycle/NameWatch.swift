import CLinux
import Glibc
import SystemCalls

/// Tells when a file's name may have been removed (inotify(7)).
struct NameWatch: ~Copyable {
    let path: String
    private let changes: FileDescriptor?

    /// - Parameter path: The file's, whose directory is watched.
    init(_ path: String) {
        self.path = path
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = inotify_init1(Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
        if descriptor >= 0 { inotify_add_watch(descriptor, directory, UInt32(IN_DELETE | IN_MOVED_FROM)) }
        changes = try? FileDescriptor(descriptor, or: "watch", directory)
    }

    /// Readable once something was removed from the directory; nil where ``isRemoved()`` has to be asked again and again.
    var descriptor: Int32? {
        switch changes {
        case .some(let changes): changes.rawValue
        case .none: nil
        }
    }

    /// Whether the name is gone.
    func isRemoved() -> Bool {
        if let descriptor {
            withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { events in
                while read(descriptor, events.baseAddress, events.count) > 0 {}
            }
        }
        return access(path, F_OK) != 0
    }
}
