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
    private let request: FileDescriptor
    /// Readable once the end ``isUrgent`` because of the program that runs the extension.
    private let urgency: FileDescriptor
    /// Readable once the end ``isUrgent`` because of a second SIGINT; nil where signals are not ours.
    private let secondInterrupt: Int32?
    private let recordedReason = Lock<Reason?>(nil)
    /// Wakes whoever waits when the parent ends. Before Linux 5.3 there is none: then that is noticed when the time is up.
    private let parentEnd: FileDescriptor?

    /// - Parameter takesSignals: Whether signals are ours until ``giveSignalsBack()``; where they are not, somebody else calls
    ///   ``end(because:)``.
    init(takesSignals: Bool = true) throws(SystemError) {
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
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
        try Self.add(request.rawValue, to: all)
        // Last, so that they are not taken where something else does not work.
        let signals = takesSignals ? try EndingSignals.take() : nil
        secondInterrupt = signals?.secondInterrupt
        do throws(SystemError) {
            if let signals { try Self.add(signals.signal, to: all) }
        } catch {
            EndingSignals.giveBack()
            throw error
        }
    }

    /// Takes no signals any more. To be called once the extension has ended.
    func giveSignalsBack() {
        if secondInterrupt != nil { EndingSignals.giveBack() }
    }

    /// Readable once there is a ``reason``, and from then on.
    var descriptor: Int32 { all.rawValue }

    /// The extension is to end: osqueryd says so, or the program that runs it.
    func end(because reason: Reason) {
        recordedReason.withLock { $0 = reason == .cancelled ? reason : $0 ?? reason }
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
        let recorded = recordedReason.withLock { recorded in
            if secondInterrupt != nil, recorded == nil { recorded = EndingSignals.first.map(Reason.signal) }
            return recorded
        }
        if let recorded { return recorded }
        // Whoever loses its parent gets another.
        if let parent, getppid() != parent { return .parentEnded }
        return nil
    }

    /// Whether nothing is to be waited for any more: somebody at a terminal has pressed Ctrl-C again, or the program that runs
    /// the extension says so. SIGTERM comes twice as a rule, from systemd and from osqueryd's watcher.
    var isUrgent: Bool {
        if secondInterrupt != nil && EndingSignals.interruptCount > 1 { return true }
        return recordedReason.withLock { $0 == .cancelled }
    }

    /// Waits, once there is a ``reason``, for what may make the end urgent, until one of `others` becomes readable or the time
    /// is up.
    func waitForUrgency(for duration: Duration, or others: [Int32]) {
        let all = [secondInterrupt, urgency.rawValue].compactMap(\.self) + others
        var descriptors = all.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&descriptors, nfds_t(descriptors.count), duration.pollTimeout)
    }

    private static func add(_ descriptor: Int32, to all: borrowing FileDescriptor) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        guard epoll_ctl(all.rawValue, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw SystemError("watch", "a descriptor")
        }
    }
}
