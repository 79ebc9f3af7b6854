import CLinux
import Glibc
import SystemCalls

/// A query that was put into the folder, until its result is there.
struct Inquiry: ~Copyable {
    private let name: String
    private let path: String
    private let changes: FileDescriptor

    /// Puts the query there, whole or not at all.
    init(name: String, query: String, path: String) throws(SystemError) {
        self.name = name
        self.path = path
        mkdir("\(path)/results", 0o700)
        let watch = try FileDescriptor(inotify_init1(Int32(SOCK_CLOEXEC.rawValue)), or: "watch", path)
        guard inotify_add_watch(watch.rawValue, "\(path)/results", UInt32(IN_MOVED_TO)) >= 0 else {
            throw SystemError("watch", "\(path)/results")
        }
        try Self.put(query, "\(path)/.\(name).new", "\(path)/\(name).sql")
        changes = watch
    }

    private static func put(_ query: String, _ temporary: String, _ path: String) throws(SystemError) {
        do {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
            let file = try FileDescriptor(open(temporary, flags, 0o600), or: "make", temporary)
            try file.writeSafely(Array(query.utf8), temporary)
            // What nobody writes any more needs not be a second old.
            var times = [timespec(tv_sec: time(nil) - 2, tv_nsec: 0), timespec(tv_sec: time(nil) - 2, tv_nsec: 0)]
            futimens(file.rawValue, &times)
        }
        guard rename(temporary, path) == 0 else {
            let error = SystemError("make", path)
            unlink(temporary)
            throw error
        }
    }

    /// Waits for the result and takes it and the query away; nil when there is none in time.
    func wait(seconds: Int) throws(SystemError) -> String? {
        let result = "\(path)/results/\(name).json"
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            if let text = try? readFile(at: result, limit: .max) {
                unlink(result)
                unlink("\(path)/done/\(name).sql")
                return String(decoding: text, as: UTF8.self)
            }
            let rest = end - .now
            guard rest > .zero else { return nil }
            var descriptor = pollfd(fd: changes.rawValue, events: Int16(POLLIN), revents: 0)
            if poll(&descriptor, 1, Int32(clamping: rest.components.seconds * 1000 + 1)) > 0 {
                withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { events in
                    _ = Glibc.read(changes.rawValue, events.baseAddress, events.count)
                }
            }
        }
    }

    /// Takes the query back.
    func withdraw() {
        unlink("\(path)/\(name).sql")
    }
}
