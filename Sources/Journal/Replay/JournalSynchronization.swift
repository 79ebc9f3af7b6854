import CLinux
import Glibc
import SystemCalls

/// Asks journald to write all that was sent to it by now (io.systemd.Journal.Synchronize, over Varlink).
///
/// systemd before 256 or so answers before its fsync(2) is done: ``JournalFiles/flush()`` does another. Only root is answered.
enum JournalSynchronization {
    /// Its name has a small letter on disk (systemd: src/journal/journald-server.c, server_open_varlink).
    private static let path = "/run/systemd/journal/io.systemd.journal"
    private static let request = Array("{\"method\":\"io.systemd.Journal.Synchronize\",\"parameters\":{}}\0".utf8)

    enum Outcome {
        case done
        /// journald has not answered in time, or this process is to stop.
        case timedOut
        /// There is no journald that would answer us.
        case unavailable
    }

    /// - Parameters:
    ///   - milliseconds: How long it may take.
    ///   - wake: A descriptor that ends the waiting early when it is readable.
    static func run(atMost milliseconds: Int32, wake: Int32) -> Outcome {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard let connection = try? FileDescriptor(socket(AF_UNIX, type, 0), or: "make", "a socket"),
            (try? UnixAddress.with(path) { connect(connection.rawValue, $0, $1) }) == 0,
            send(connection.rawValue, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
        else { return .unavailable }
        let deadline = Deadline(in: .milliseconds(Int(milliseconds)))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while answer.last != 0 {
            guard !deadline.hasPassed else { return .timedOut }
            var descriptors = [
                pollfd(fd: connection.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            ]
            _ = retryingOnInterrupt { Int(poll(&descriptors, 2, deadline.remaining.pollTimeout)) }
            if descriptors[0].revents != 0 {
                let count = recv(connection.rawValue, &buffer, buffer.count, 0)
                if count <= 0 || answer.count > 1 << 16 { return .unavailable }
                answer += buffer[..<count]
            } else if descriptors[1].revents != 0 {
                return .timedOut
            }
        }
        return String(decoding: answer, as: UTF8.self).contains("\"error\"") ? .unavailable : .done
    }
}
