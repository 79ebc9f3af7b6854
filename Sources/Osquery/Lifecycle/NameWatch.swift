import CLinux
import Glibc
import SystemCalls

/// Tells when a file's name may have been removed (inotify(7)).
struct NameWatch: ~Copyable {
    let path: String
    private let changes: FileDescriptor?

    /// - Parameter path: The file's, which is there.
    init(_ path: String) {
        self.path = path
        let descriptor = inotify_init1(Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
        changes = try? FileDescriptor(descriptor, or: "watch", path)
        renew()
    }

    /// Watches the file that has the name now.
    func renew() {
        // A file that loses a name has one link less, which is IN_ATTRIB; it is not deleted as long as somebody has it open.
        guard let descriptor else { return }
        inotify_add_watch(descriptor, path, UInt32(IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF))
    }

    /// Readable once the name may have been removed; nil where ``isRemoved()`` has to be asked again and again.
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
