import CLinux
import Glibc
import SystemCalls

/// A query that was put into the directory, until its result is there.
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
        // What nobody writes any more needs not be a second old.
        do throws(SystemError) {
            try replaceFile(at: "\(path)/\(name).sql", with: Array(query.utf8), age: 2)
        } catch {
            // The file may be there, and only not on the disk.
            Self.withdraw(name, path)
            throw error
        }
        changes = watch
    }

    enum Outcome {
        /// What the result's file holds. It and the query are taken away.
        case result(String)
        case timedOut
        case interrupted(Int32)
    }

    /// Waits for the result, for so many seconds or until a signal comes. Where a person looks at it, `line` is shown each second.
    func wait(
        seconds: Int, _ interruption: borrowing Interruption, showing line: WaitingLine
    ) throws(SystemError) -> Outcome {
        let result = "\(path)/results/\(name).json"
        let deadline = Deadline(in: .seconds(seconds))
        while true {
            if let text = try? readFile(at: result, limit: .max) {
                withdraw()
                return .result(String(decoding: text, as: UTF8.self))
            }
            if let signal = interruption.signal { return .interrupted(signal) }
            guard !deadline.hasPassed else { return .timedOut }
            line.show()
            wait(
                for: line.isShown ? min(deadline.remaining, .seconds(1)) : deadline.remaining, or: interruption.rawValue
            )
        }
    }

    /// Waits until something has come into `results`, a signal has come or the time is up.
    private func wait(for duration: Duration, or signals: Int32) {
        let descriptors = [changes.rawValue, signals]
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&polled, nfds_t(polled.count), duration.pollTimeout) > 0, polled[0].revents != 0 else { return }
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { events in
            _ = Glibc.read(changes.rawValue, events.baseAddress, events.count)
        }
    }

    /// Takes the query back, and what there is of it by now: first the query, so that a result that comes meanwhile is dropped.
    func withdraw() {
        Self.withdraw(name, path)
    }

    private static func withdraw(_ name: String, _ path: String) {
        for file in ["\(name).sql", "done/\(name).sql", "results/\(name).json"] { unlink("\(path)/\(file)") }
    }
}
