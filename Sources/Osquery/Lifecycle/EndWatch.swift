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
    }

    enum Wake: Equatable {
        case ends(Reason)
        /// The other descriptor has something to read, or its peer is gone.
        case readable
        case timedOut
    }

    /// The process that started us; nil when that is init or was gone before we could look.
    let parent: pid_t?
    private let takesSignals: Bool
    private let all: FileDescriptor
    private let signals: FileDescriptor
    private let request: FileDescriptor
    private let requestedReason = Lock<Reason?>(nil)
    /// Wakes whoever waits when the parent ends. Before Linux 5.3 there is none: then that is noticed when the time is up.
    private let parentEnd: FileDescriptor?

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
        self.takesSignals = takesSignals
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        signals = try FileDescriptor(signalfd(-1, &ending, flags), or: "wait for", "signals")
        request = try FileDescriptor(eventfd(0, flags), or: "make", "an eventfd")
        all = try FileDescriptor(epoll_create1(Int32(SOCK_CLOEXEC.rawValue)), or: "make", "an epoll")
        let parent = getppid()
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
        requestedReason.withLock { $0 = $0 ?? reason }
        eventfd_write(request.rawValue, 1)
    }

    /// Waits until there is a reason to end, `other` becomes readable or the time is up.
    func wait(for duration: Duration, or other: Int32? = nil) -> Wake {
        var descriptors = [pollfd(fd: all.rawValue, events: Int16(POLLIN), revents: 0)]
        if let other { descriptors.append(pollfd(fd: other, events: Int16(POLLIN), revents: 0)) }
        let deadline = Deadline(in: duration)
        _ = retryingOnInterrupt {
            Int(poll(&descriptors, nfds_t(descriptors.count), deadline.remaining.pollTimeout))
        }
        if let reason { return .ends(reason) }
        return descriptors.dropFirst().contains { $0.revents != 0 } ? .readable : .timedOut
    }

    /// Why the extension is to end; nil while it is not.
    var reason: Reason? {
        if let reason = requestedReason.withLock({ $0 }) { return reason }
        if takesSignals {
            var pending = sigset_t()
            sigpending(&pending)
            for number in [SIGTERM, SIGINT] where sigismember(&pending, number) == 1 { return .signal(number) }
        }
        // Whoever loses its parent gets another.
        if let parent, getppid() != parent { return .parentEnded }
        return nil
    }

    private static func add(_ descriptor: Int32, to all: borrowing FileDescriptor) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        guard epoll_ctl(all.rawValue, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw SystemError("watch", "a descriptor")
        }
    }
}
