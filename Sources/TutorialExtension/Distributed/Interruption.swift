import CLinux
import Glibc
import SystemCalls

/// Signals that end a command, held back so that it can first take away what it has left.
struct Interruption: ~Copyable {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    private let descriptor: FileDescriptor

    init() throws(SystemError) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in Self.signals { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        descriptor = try FileDescriptor(
            signalfd(-1, &signals, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)), or: "wait for", "signals")
    }

    /// Readable once a signal has come.
    var rawValue: Int32 { descriptor.rawValue }

    /// The signal that has come; nil where none has.
    var signal: Int32? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        return read(rawValue, &info, size) == size ? Int32(bitPattern: info.ssi_signo) : nil
    }

    /// Ends the process as the signal would have, which tells a shell how it was.
    static func end(by number: Int32) -> Never {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        Glibc.signal(number, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(number)
        _exit(128 + number)
    }
}
