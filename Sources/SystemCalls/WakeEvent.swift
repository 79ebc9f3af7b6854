import CLinux
import Glibc

/// A flag that is set once, and that threads wait for, also in poll(2) beside other descriptors (eventfd(2)).
package final class WakeEvent: Sendable {
    /// Readable once it is set.
    package let descriptor = eventfd(0, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))

    package init() {}

    deinit {
        close(descriptor)
    }

    package func set() {
        eventfd_write(descriptor, 1)
    }

    package var isSet: Bool { isSet(within: 0) }

    /// Whether it is set by now, or within so many milliseconds.
    package func isSet(within milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let deadline = Deadline(in: .milliseconds(milliseconds))
        return retryingOnInterrupt { Int(poll(&polled, 1, deadline.remaining.pollTimeout)) } > 0
    }
}
