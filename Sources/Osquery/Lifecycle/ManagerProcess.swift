import CLinux
import Glibc
import SystemCalls

/// The process that answers at osqueryd's socket: with a watchdog that is the worker, which did not start us.
struct ManagerProcess: ~Copyable, Sendable {
    private enum Identity: ~Copyable {
        /// Readable once the process has ended.
        case descriptor(FileDescriptor)
        /// Before Linux 5.3, and where pidfd_open(2) is not permitted, there is only that.
        case number
        /// It is in another pid namespace, or whoever listened has left its socket to another process.
        case unknown
    }

    /// Nil where it has none that we could use.
    let pid: pid_t?
    private let identity: Identity
    private let socketPath: String

    /// The process at the other end of `connection`, which was made to `socketPath`; without a connection it is not known.
    init(at socketPath: String, over connection: Int32?) {
        self.socketPath = socketPath
        let pid = connection.flatMap(UnixSocket.peerProcess)
        let identity = connection.map { Self.identify(pid, $0) } ?? .unknown
        switch identity {
        case .unknown: self.pid = nil
        default: self.pid = pid
        }
        self.identity = identity
    }

    private static func identify(_ pid: pid_t?, _ connection: Int32) -> Identity {
        if let descriptor = UnixSocket.peerProcessDescriptor(of: connection) {
            let hasHandedOver = isReadable(descriptor.rawValue) && UnixSocket.isOpen(connection)
            return hasHandedOver ? .unknown : .descriptor(descriptor)
        }
        guard let pid else { return .unknown }
        do {
            let descriptor = try FileDescriptor(pidfd_open(pid, 0), or: "watch", "osqueryd")
            // The number could be another process's by now, but not while the connection is alive.
            return UnixSocket.isOpen(connection) ? .descriptor(descriptor) : .unknown
        } catch {
            return error.code != ESRCH && UnixSocket.isOpen(connection) ? .number : .unknown
        }
    }

    /// Becomes readable when the process ends; nil where ``hasEnded`` has to be asked again and again.
    var descriptor: Int32? {
        switch identity {
        case .descriptor(let descriptor): descriptor.rawValue
        default: nil
        }
    }

    /// Whether the process has ended. One that is not known has ended when nobody answers at its socket.
    var hasEnded: Bool {
        switch identity {
        case .descriptor(let descriptor): return Self.isReadable(descriptor.rawValue)
        case .number: return kill(pid!, 0) != 0 && errno == ESRCH
        case .unknown:
            do {
                _ = try UnixSocket.connect(to: socketPath, timeout: .milliseconds(100))
                return false
            } catch {
                return error.code != EAGAIN
            }
        }
    }

    private static func isReadable(_ descriptor: Int32) -> Bool {
        var descriptor = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return retryingOnInterrupt { Int(poll(&descriptor, 1, 0)) } > 0
    }
}
