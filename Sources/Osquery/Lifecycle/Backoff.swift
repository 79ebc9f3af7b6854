/// Pauses between tries that double up to a bound.
struct Backoff {
    private var pause: Duration
    private let longest: Duration

    init(from first: Duration, upTo longest: Duration) {
        pause = first
        self.longest = longest
    }

    /// The pause before the next try.
    mutating func next() -> Duration {
        defer { pause = min(pause * 2, longest) }
        return pause
    }
}
