import CLinux
import Glibc
import SystemCalls

/// Tells before an entry is sent whether journald can take it. sd_journal_sendv(3) does not: it blocks without a bound while
/// journald stands still, and says 0 for what is lost when the socket is not there.
///
/// Two descriptors are asked in one poll(2): a datagram socket of ours, connected to journald's, is writable when journald's queue
/// has room; an inotify on the socket's directory is readable when the socket went or came. What neither tells, that journald has
/// died and left its socket behind, is an error of the send.
struct JournalProbe: ~Copyable {
    enum Room {
        case some
        /// journald stands still, or cannot keep up.
        case none
        /// There is no socket, or nobody at it.
        case away
    }

    static let socketPath = "/run/systemd/journal/socket"
    private static let directory = "/run/systemd/journal"

    private var socket: Int32 = -1
    private var changes: Int32 = -1

    deinit {
        if socket >= 0 { close(socket) }
        if changes >= 0 { close(changes) }
    }

    /// Whether there is room, waiting for it no longer than `milliseconds`. One system call where all is as before.
    ///
    /// - Parameter wake: A descriptor that ends the waiting early when it is readable.
    mutating func room(waiting milliseconds: Int32 = 0, wake: Int32 = -1) -> Room {
        if changes < 0 { watchDirectory() }
        if socket < 0 && !connect() {
            guard milliseconds > 0 else { return .away }
            pause(milliseconds, wake)
            return connect() ? .some : .away
        }
        var descriptors = (
            pollfd(fd: socket, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: changes, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        )
        let count = withUnsafeMutablePointer(to: &descriptors) { pointer in
            pointer.withMemoryRebound(to: pollfd.self, capacity: 3) { descriptors in
                retryingOnInterrupt { Int(poll(descriptors, 3, milliseconds)) }
            }
        }
        if count <= 0 { return .none }
        if descriptors.1.revents != 0 && takeChanges() {
            disconnect()
            return connect() ? .some : .away
        }
        if descriptors.0.revents != 0 { return .some }
        // Something else in the directory woke us; there is no room yet.
        return descriptors.1.revents != 0 && milliseconds > 0 ? room(waiting: milliseconds, wake: wake) : .none
    }

    /// Sends an entry, whole or not at all, without ever waiting; whether it was sent. Where it was not, ``room(waiting:wake:)`` tells
    /// why.
    ///
    /// What libsystemd's own call does not do: it waits without a bound, and takes a socket that is gone for a journal that is off.
    /// And one system call instead of two, 0.7 µs of the 6.8 that a status line costs.
    ///
    /// - Parameter datagram: An entry in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
    mutating func send(_ datagram: UnsafeBufferPointer<iovec>) -> Bool {
        if changes < 0 { watchDirectory() }
        if socket < 0 && !connect() { return false }
        var message = msghdr()
        message.msg_iov = UnsafeMutablePointer(mutating: datagram.baseAddress)
        message.msg_iovlen = datagram.count
        if retryingOnInterrupt({ sendmsg(socket, &message, Int32(MSG_NOSIGNAL)) }) >= 0 { return true }
        // Nobody is there any more.
        if errno != EAGAIN { disconnect() }
        return false
    }

    /// Whether the socket went or came since the last look.
    mutating func hasChanged() -> Bool {
        var descriptor = pollfd(fd: changes, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) > 0, takeChanges() else { return false }
        disconnect()
        return true
    }

    /// A send has failed: what the socket was connected to is no more.
    mutating func disconnect() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    /// Connects to the socket that is there, and has no change of it left to be told: one that is told later is a later one.
    private mutating func connect() -> Bool {
        repeat {
            disconnect()
            guard connectOnce() else { return false }
        } while takeChanges()
        return true
    }

    private mutating func connectOnce() -> Bool {
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return false }
        let result = try? UnixAddress.with(Self.socketPath) { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 else {
            close(descriptor)
            return false
        }
        socket = descriptor
        return true
    }

    private mutating func watchDirectory() {
        let descriptor = inotify_init1(Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
        let events = UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF)
        guard descriptor >= 0, inotify_add_watch(descriptor, Self.directory, events) >= 0 else {
            if descriptor >= 0 { close(descriptor) }
            return
        }
        changes = descriptor
    }

    /// Reads what has happened in the directory; whether it was the socket that went or came. journald makes others there, too.
    ///
    /// Where the directory itself went, it is watched anew when it is there again.
    private mutating func takeChanges() -> Bool {
        var isDirectoryGone = false
        var isSocketChanged = false
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { events in
            while true {
                let length = read(changes, events.baseAddress, events.count)
                if length <= 0 { break }
                var offset = 0
                while offset < length {
                    let event = events.baseAddress!.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let name = events.baseAddress! + offset + MemoryLayout<inotify_event>.size
                    isDirectoryGone = isDirectoryGone || event.mask & UInt32(IN_DELETE_SELF | IN_IGNORED) != 0
                    isSocketChanged =
                        isSocketChanged
                        || event.len > 0 && strcmp(name.assumingMemoryBound(to: CChar.self), "socket") == 0
                    offset += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
        if isDirectoryGone {
            close(changes)
            changes = -1
        }
        return isDirectoryGone || isSocketChanged
    }

    /// Waits for the socket to come, without looking more often than the caller asks to.
    private mutating func pause(_ milliseconds: Int32, _ wake: Int32) {
        var descriptors = [
            pollfd(fd: changes, events: Int16(POLLIN), revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        ]
        _ = retryingOnInterrupt { Int(poll(&descriptors, 2, milliseconds)) }
        if descriptors[0].revents != 0 { _ = takeChanges() }
    }
}
