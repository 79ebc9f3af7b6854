/// A moment of the monotonic clock by which something must have happened.
package struct Deadline: Sendable {
    private let moment: ContinuousClock.Instant

    package init(in duration: Duration) {
        moment = .now + duration
    }

    package var remaining: Duration { max(.zero, moment - .now) }
    package var hasPassed: Bool { moment <= .now }

    package static func earlier(_ one: Deadline, _ other: Deadline) -> Deadline {
        one.moment < other.moment ? one : other
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, as poll(2) wants them.
    package var pollTimeout: Int32 {
        let (seconds, attoseconds) = components
        let milliseconds = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(clamping: milliseconds)
    }
}
