import CLinux
import Glibc
import SystemCalls

/// Notices what ends an extension, in one descriptor that can be waited for beside others.
final class EndWatch: Sendable {
    enum Reason: Equatable {
        /// SIGTERM or SIGINT.
        case signal(Int32)
        /// osqueryd called `shutdown`.
        case shutdown
        /// The process that started us, osqueryd's watcher, has ended.
        case parentEnded
        /// The program that runs the extension wants it to end.
        case requested
        /// It wants that at once: after the calls under way.
        case cancelled
    }

    enum Wake: Equatable {
        case ends(Reason)
        /// The other descriptor has something to read, or its peer is gone.
        case readable
        case timedOut
    }

    /// The process that started us; nil when that is init or was gone before we could look.
    let parent: pid_t?
    /// The parent's number at the start, 1 included: in a container osqueryd can be process 1.
    let parentAtStart = getppid()
    private let all: FileDescriptor
    private let signals: FileDescriptor
    private let request: FileDescriptor
    /// Readable once the end ``isUrgent`` because of the program that runs the extension.
    private let urgency: FileDescriptor
    private let state = Lock(State())
    /// Wakes whoever waits when the parent ends. Before Linux 5.3 there is none: then that is noticed when the time is up.
    private let parentEnd: FileDescriptor?

    private struct State {
        var reason: Reason?
        /// How often SIGINT has come.
        var interrupts = 0
    }

    /// Blocks SIGTERM and SIGINT, to be called before there are other threads, and ignores SIGPIPE and SIGHUP: a closed
    /// terminal or pipe must not end what carries logs.
    ///
    /// - Parameter takesSignals: Whether signals are ours; where they are not, somebody else calls ``end(because:)``.
    init(takesSignals: Bool = true) throws(SystemError) {
        var ending = sigset_t()
        sigemptyset(&ending)
        if takesSignals {
            signal(SIGPIPE, SIG_IGN)
            signal(SIGHUP, SIG_IGN)
            sigaddset(&ending, SIGTERM)
            sigaddset(&ending, SIGINT)
            pthread_sigmask(SIG_BLOCK, &ending, nil)
        }
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        signals = try FileDescriptor(signalfd(-1, &ending, flags), or: "wait for", "signals")
        request = try FileDescriptor(eventfd(0, flags), or: "make", "an eventfd")
        urgency = try FileDescriptor(eventfd(0, flags), or: "make", "an eventfd")
        all = try FileDescriptor(epoll_create1(Int32(SOCK_CLOEXEC.rawValue)), or: "make", "an epoll")
        let parent = parentAtStart
        self.parent = parent > 1 ? parent : nil
        let descriptor = parent > 1 ? pidfd_open(parent, 0) : -1
        if descriptor >= 0 {
            let parentEnd = try FileDescriptor(descriptor, or: "watch process", "\(parent)")
            try Self.add(parentEnd.rawValue, to: all)
            self.parentEnd = consume parentEnd
        } else {
            parentEnd = nil
        }
        try Self.add(signals.rawValue, to: all)
        try Self.add(request.rawValue, to: all)
    }

    /// Readable once there is a ``reason``, and from then on.
    var descriptor: Int32 { all.rawValue }

    /// The extension is to end: osqueryd says so, or the program that runs it.
    func end(because reason: Reason) {
        state.withLock { $0.reason = reason == .cancelled ? reason : $0.reason ?? reason }
        eventfd_write(request.rawValue, 1)
        if reason == .cancelled { eventfd_write(urgency.rawValue, 1) }
    }

    /// Waits until there is a reason to end, one of `others` becomes readable or the time is up.
    func wait(for duration: Duration, or others: [Int32] = []) -> Wake {
        var descriptors = ([all.rawValue] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let deadline = Deadline(in: duration)
        _ = retryingOnInterrupt {
            Int(poll(&descriptors, nfds_t(descriptors.count), deadline.remaining.pollTimeout))
        }
        if let reason { return .ends(reason) }
        return descriptors.dropFirst().contains { $0.revents != 0 } ? .readable : .timedOut
    }

    /// Why the extension is to end; nil while it is not.
    var reason: Reason? {
        takeSignals()
        if let reason = state.withLock({ $0.reason }) { return reason }
        // Whoever loses its parent gets another.
        if let parent, getppid() != parent { return .parentEnded }
        return nil
    }

    /// Whether nothing is to be waited for any more: somebody at a terminal has pressed Ctrl-C again, or the program that runs
    /// the extension says so. SIGTERM comes twice as a rule, from systemd and from osqueryd's watcher.
    var isUrgent: Bool {
        takeSignals()
        return state.withLock { $0.reason == .cancelled || $0.interrupts > 1 }
    }

    /// Waits, once there is a ``reason``, for what may make the end urgent, until one of `others` becomes readable or the time
    /// is up.
    func waitForUrgency(for duration: Duration, or others: [Int32]) {
        let all = [signals.rawValue, urgency.rawValue] + others
        var descriptors = all.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&descriptors, nfds_t(descriptors.count), duration.pollTimeout)
    }

    /// Takes the signals that have come, so that another one of the same number can be told from them.
    private func takeSignals() {
        var signal = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(signals.rawValue, &signal, size) == size {
            let number = Int32(bitPattern: signal.ssi_signo)
            if number == SIGINT { state.withLock { $0.interrupts += 1 } }
            end(because: .signal(number))
        }
    }

    private static func add(_ descriptor: Int32, to all: borrowing FileDescriptor) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        guard epoll_ctl(all.rawValue, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw SystemError("watch", "a descriptor")
        }
    }
}
