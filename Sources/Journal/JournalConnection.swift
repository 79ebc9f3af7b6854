import CLinux
import Glibc
import SystemCalls

/// A connection to journald's socket that sends entries of any size and never blocks.
///
/// sd_journal_sendv(3) does not say what has to be known: it blocks without a bound while journald stands still, and returns 0 for what
/// is lost when the socket is not there.
///
/// A datagram socket connected to journald's is writable when journald's queue has room; an inotify on the socket's directory is
/// readable when the socket went or came. What neither tells, that journald has died and left its socket behind, is an error of
/// the send.
struct JournalConnection: ~Copyable {
    enum Room {
        case some
        /// journald stands still, or cannot keep up.
        case none
        /// There is no socket, or nobody at it.
        case away
    }

    enum Outcome {
        case sent
        /// journald stands still, or cannot keep up.
        case full
        /// There is no socket, or nobody at it.
        case away
        /// The entry was not sent, since it would have been on another connection than what came before.
        case replaced
        /// The entry cannot be handed over, though others may.
        case failed(SystemError)
    }

    /// Bytes from which on an entry is handed over as a file: below, it fits into a socket's buffer of the default size beside others.
    static let largestDatagram = 64 << 10

    private let directory: String
    /// journald's socket.
    let socketPath: String
    private var socket: Int32 = -1
    private var changes: Int32 = -1
    /// How often a connection was made: what was sent on an earlier one may be lost.
    private(set) var generation = 0

    /// - Parameter directory: Where journald's socket is.
    init(in directory: String = JournalNamespace.ownSocketDirectory) {
        self.directory = directory
        socketPath = directory + "/socket"
    }

    deinit {
        if socket >= 0 { close(socket) }
        if changes >= 0 { close(changes) }
    }

    // MARK: - Sending

    /// Sends an entry, whole or not at all, without ever waiting. One system call where it is a datagram and all is as before.
    ///
    /// - Parameters:
    ///   - pieces: What makes the entry in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
    ///   - size: Bytes in them.
    ///   - generation: The connection that it is to be sent on; by default any.
    mutating func send(_ pieces: UnsafeBufferPointer<iovec>, size: Int, on generation: Int? = nil) -> Outcome {
        if socket < 0 && !connect() { return .away }
        if let generation, generation != self.generation { return .replaced }
        var isFile = size >= Self.largestDatagram
        if !isFile {
            if sendDatagram(pieces) { return .sent }
            // The socket's buffer is smaller than usual (socket(7), wmem_default).
            isFile = errno == EMSGSIZE
        }
        // Also tells of a socket that was replaced, and connects to the new one.
        switch room() {
        case .none: return .full
        case .away: return .away
        case .some: break
        }
        if let generation, generation != self.generation { return .replaced }
        do throws(SystemError) {
            if try isFile ? sendFile(pieces) : sendDatagram(pieces) { return .sent }
        } catch {
            return .failed(error)
        }
        let code = errno
        switch room() {
        case .none: return .full
        // Somebody else was quicker, or there is another reason, for which poll(2) does not wait.
        case .some:
            return code == EAGAIN ? .full : .failed(SystemError("send an entry to", socketPath, code: code))
        case .away: return .away
        }
    }

    /// Whether the datagram was sent.
    private mutating func sendDatagram(_ pieces: UnsafeBufferPointer<iovec>) -> Bool {
        var message = msghdr()
        message.msg_iov = UnsafeMutablePointer(mutating: pieces.baseAddress)
        message.msg_iovlen = pieces.count
        return send(&message)
    }

    /// Hands the entry over as a file in memory that nobody can change any more; whether it was taken.
    ///
    /// - Throws: Where there can be no such file.
    private mutating func sendFile(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> Bool {
        let flags = UInt32(MFD_CLOEXEC | MFD_ALLOW_SEALING)
        let file = try FileDescriptor(memfd_create("journal-entry", flags), or: "make", "a file in memory")
        for piece in pieces where !writeAll(piece.bytes, to: file.rawValue) {
            throw SystemError("write", "a file in memory")
        }
        guard seal(file.rawValue) == 0 else { throw SystemError("seal", "a file in memory") }
        // Aligned as a cmsghdr, which begins with a size_t.
        return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 4) { control in
            control.initialize(repeating: 0)
            var message = msghdr()
            message.msg_control = UnsafeMutableRawPointer(control.baseAddress!)
            message.msg_controllen = fill_rights(message.msg_control, file.rawValue)
            return send(&message)
        }
    }

    private mutating func send(_ message: inout msghdr) -> Bool {
        if retryingOnInterrupt({ sendmsg(socket, &message, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }) >= 0 { return true }
        // ETOOMANYREFS: journald has not taken the files that were sent before. Otherwise nobody is there any more.
        let code = errno
        if ![EAGAIN, EMSGSIZE, ENOBUFS, ENOMEM, ETOOMANYREFS].contains(code) { disconnect() }
        errno = code
        return false
    }

    // MARK: - Waiting

    /// Whether there is room, waiting for it no longer than `milliseconds`.
    ///
    /// - Parameter wake: A descriptor that ends the waiting early when it is readable.
    mutating func room(waiting milliseconds: Int32 = 0, wake: Int32 = -1) -> Room {
        if changes < 0 { watchDirectory() }
        if socket < 0 && !connect() {
            guard milliseconds > 0 else { return .away }
            pause(milliseconds, wake)
            return connect() ? .some : .away
        }
        var revents = Self.poll((socket, changes, wake), milliseconds)
        if revents.1 != 0 && takeChanges() {
            disconnect()
            guard connect() else { return .away }
            revents = Self.poll((socket, changes, wake), 0)
        }
        return revents.0 != 0 ? .some : .none
    }

    /// Whether journald has not read all that was sent on this connection (unix(7), SIOCOUTQ).
    var hasUnread: Bool {
        var count: Int32 = 0
        return socket >= 0 && unread_bytes(socket, &count) == 0 && count > 0
    }

    /// What to poll(2) for room while others may use the connection: the socket, and what tells of changes.
    var descriptors: (socket: Int32, changes: Int32) { (socket, changes) }

    /// Waits until journald has room, its socket has changed, `wake` is readable or `milliseconds` have passed.
    static func wait(_ descriptors: (socket: Int32, changes: Int32), _ milliseconds: Int32, wake: Int32) {
        _ = poll((descriptors.socket, descriptors.changes, wake), milliseconds)
    }

    /// What has happened at a socket, at what tells of changes, and at a descriptor that wakes.
    private static func poll(_ descriptors: (Int32, Int32, Int32), _ milliseconds: Int32) -> (Int16, Int16, Int16) {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 3) { polled in
            polled.initializeElement(at: 0, to: pollfd(fd: descriptors.0, events: Int16(POLLOUT), revents: 0))
            polled.initializeElement(at: 1, to: pollfd(fd: descriptors.1, events: Int16(POLLIN), revents: 0))
            polled.initializeElement(at: 2, to: pollfd(fd: descriptors.2, events: Int16(POLLIN), revents: 0))
            // A wait that a signal interrupts has seen nothing, and does not begin again: callers know what is left of their time.
            guard Glibc.poll(polled.baseAddress, 3, milliseconds) > 0 else {
                return (0, 0, 0)
            }
            return (polled[0].revents, polled[1].revents, polled[2].revents)
        }
    }

    /// Whether the socket went or came since the last look.
    mutating func hasChanged() -> Bool {
        var descriptor = pollfd(fd: changes, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&descriptor, 1, 0) > 0, takeChanges() else { return false }
        disconnect()
        return true
    }

    // MARK: - Connecting

    private mutating func disconnect() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    /// Connects to the socket that is there, then discards pending events, so that later events are newer changes.
    private mutating func connect() -> Bool {
        if changes < 0 { watchDirectory() }
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
        // journald has just made its socket, and may not have asked for the sender's credentials yet: an entry without them is nobody's.
        var isOn: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &isOn, socklen_t(MemoryLayout<Int32>.size))
        let result = try? UnixAddress.with(socketPath) { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 else {
            close(descriptor)
            return false
        }
        socket = descriptor
        generation += 1
        return true
    }

    private mutating func watchDirectory() {
        let descriptor = inotify_init1(Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
        let events = UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF)
        guard descriptor >= 0, inotify_add_watch(descriptor, directory, events) >= 0 else {
            if descriptor >= 0 { close(descriptor) }
            return
        }
        changes = descriptor
    }

    /// Reads what has happened in the directory; whether it was the socket that went or came. journald makes others there, too.
    ///
    /// Where the directory itself went, it is watched anew when it is there again.
    private mutating func takeChanges() -> Bool {
        if changes < 0 { return false }
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
        let revents = Self.poll((-1, changes, wake), milliseconds)
        if revents.1 != 0 { _ = takeChanges() }
    }
}
