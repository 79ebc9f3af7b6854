import CLinux
import Glibc
import SystemCalls

/// Signals that end a command, held back as long as this value is there, so that it can first take away what it has left.
struct Interruption: ~Copyable {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    private let descriptor: FileDescriptor
    /// The signals that were blocked before.
    private let earlier: sigset_t

    init() throws(SystemError) {
        var (signals, earlier) = (sigset_t(), sigset_t())
        sigemptyset(&signals)
        for signal in Self.signals { sigaddset(&signals, signal) }
        let descriptor = try FileDescriptor(
            signalfd(-1, &signals, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)), or: "wait for", "signals")
        let code = pthread_sigmask(SIG_BLOCK, &signals, &earlier)
        guard code == 0 else { throw SystemError("hold back", "signals", code: code) }
        self.descriptor = descriptor
        self.earlier = earlier
    }

    /// A signal that has come and that nobody has asked for takes its effect now.
    deinit {
        var mask = earlier
        let code = pthread_sigmask(SIG_SETMASK, &mask, nil)
        precondition(code == 0, "pthread_sigmask(3) refuses the mask that it has told")
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
