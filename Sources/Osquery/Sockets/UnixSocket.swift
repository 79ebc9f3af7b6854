import CLinux
import Glibc
import SystemCalls
import Thrift

/// Unix stream sockets, as system calls.
enum UnixSocket {
    /// Connections that may wait to be taken: with a full queue a connect that does not block fails. The kernel's usual bound.
    private static let backlog: Int32 = 4096

    static func make() throws(SystemError) -> FileDescriptor {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return try FileDescriptor(socket(AF_UNIX, type, 0), or: "make", "a unix socket")
    }

    /// Connects to the socket at `path`, waiting no longer than `timeout` where its queue of new connections is full.
    static func connect(to path: String, timeout: Duration) throws(SystemError) -> FileDescriptor {
        let descriptor = try make()
        try limitSending(over: descriptor.rawValue, to: timeout)
        let result = try UnixAddress.with(path) { address, length in
            retryingOnInterrupt { Int(Glibc.connect(descriptor.rawValue, address, length)) }
        }
        guard result == 0 else { throw SystemError("connect to", path) }
        return descriptor
    }

    /// Bounds how long connecting, and each send, waits for room. Then it fails with EAGAIN.
    static func limitSending(over connection: Int32, to limit: Duration) throws(SystemError) {
        // No time at all would be no limit.
        var time = timeval(max(limit, .microseconds(1)))
        guard setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size)) == 0 else {
            throw SystemError("bound the time for", "a connection")
        }
    }

    /// Listens at `path`, which only our own user can connect to.
    ///
    /// The path appears when there is somebody to connect to, not before: osqueryd, which waits for it, connects at once.
    static func listen(at path: String) throws(SystemError) -> FileDescriptor {
        let descriptor = try make()
        // Before bind, so that the file never exists with another mode: Linux makes it with the mode of the socket's inode. Where a
        // process is not allowed to change a mode, its umask takes the others' bits away, or nobody listens.
        let isPrivate = fchmod(descriptor.rawValue, 0o600) == 0
        let temporary = try bindBeside(path, descriptor.rawValue)
        guard isPrivate || isForOwnerAlone(temporary), Glibc.listen(descriptor.rawValue, Self.backlog) == 0,
            rename(temporary, path) == 0
        else {
            let error = SystemError("listen at", path)
            unlink(temporary)
            throw error
        }
        return descriptor
    }

    /// Whether nobody else may use a file; errno(3) tells why not.
    private static func isForOwnerAlone(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        errno = EACCES
        return status.st_mode & (S_IRWXG | S_IRWXO) == 0
    }

    /// Binds a socket to a name in the folder of `path` that is not longer than that of an extension's socket.
    private static func bindBeside(_ path: String, _ descriptor: Int32) throws(SystemError) -> String {
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        while true {
            let name = "\(folder).\(String(UInt16.random(in: 0x1000...0xFFFF), radix: 16))"
            let result = try UnixAddress.with(name) { address, length in Int(bind(descriptor, address, length)) }
            if result == 0 { return name }
            guard errno == EADDRINUSE else { throw SystemError("bind a socket at", name) }
        }
    }

    /// The user at the other end of a connection.
    static func peerUser(of connection: Int32) -> uid_t? {
        peerCredentials(of: connection)?.uid
    }

    /// The process at the other end of a connection, for who has connected: the one that called listen(2). Nil where it is in
    /// another pid namespace.
    static func peerProcess(of connection: Int32) -> pid_t? {
        peerCredentials(of: connection).flatMap { $0.pid > 0 ? $0.pid : nil }
    }

    /// A descriptor of that process (pidfd_open(2)), which cannot be another one's that has got its number meanwhile. Nil where
    /// the kernel has none to give: it does since Linux 6.5.
    static func peerProcessDescriptor(of connection: Int32) -> FileDescriptor? {
        var descriptor: Int32 = -1
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(connection, SOL_SOCKET, SO_PEERPIDFD, &descriptor, &length) == 0 else { return nil }
        return try? FileDescriptor(descriptor, or: "watch", "a process")
    }

    /// Who is at the other end of a connection, as the kernel knows it (SO_PEERCRED, unix(7)).
    private static func peerCredentials(of connection: Int32) -> ucred? {
        var credentials = ucred()
        var length = socklen_t(MemoryLayout<ucred>.size)
        guard getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return nil }
        return credentials
    }

    /// Whether the peer of a connection has not closed it yet.
    static func isOpen(_ connection: Int32) -> Bool {
        var descriptor = pollfd(fd: connection, events: 0, revents: 0)
        return retryingOnInterrupt { Int(poll(&descriptor, 1, 0)) } == 0
    }

    /// Whether there is something to read from a connection, or its end.
    static func hasInput(_ connection: Int32) -> Bool {
        var descriptor = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
        return retryingOnInterrupt { Int(poll(&descriptor, 1, 0)) } != 0
    }

    /// Sends all that was written. A peer that is gone is an error, never a signal.
    static func send(_ writer: ThriftWriter, to connection: Int32) throws(SystemError) {
        try writer.forEachPiece { (bytes) throws(SystemError) in try send(bytes, to: connection) }
    }

    /// Sends all of `bytes`.
    static func send(_ bytes: [UInt8], to connection: Int32) throws(SystemError) {
        try bytes.span.bytes.withUnsafeBytes { (bytes) throws(SystemError) in try send(bytes, to: connection) }
    }

    private static func send(_ bytes: UnsafeRawBufferPointer, to connection: Int32) throws(SystemError) {
        var sent = 0
        while sent < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let result = retryingOnInterrupt {
                Glibc.send(connection, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard result >= 0 else { throw SystemError("send to", "a connection") }
            sent += result
        }
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
