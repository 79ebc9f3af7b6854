import Glibc

/// A moment of the monotonic clock by which something must have happened.
struct Deadline: Sendable {
    private let moment: ContinuousClock.Instant

    init(in duration: Duration) {
        moment = .now + duration
    }

    var remaining: Duration { max(.zero, moment - .now) }
    var hasPassed: Bool { moment <= .now }

    static func earlier(_ one: Deadline, _ other: Deadline) -> Deadline {
        one.moment < other.moment ? one : other
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, as poll(2) wants them.
    var pollTimeout: Int32 {
        let (seconds, attoseconds) = components
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: milliseconds)
    }
}
