/// How fast entries may be sent: at most half of journald's rate limit, which the rest of the unit shares, and slower where entries did
/// not arrive.
struct Pace {
    /// Seconds whose entries may be sent at once.
    private static let step = 0.1
    /// Entries a second that are sent where there is no limit, and entries did not arrive all the same.
    private static let cautiousRate = 4000.0
    private static let maximumSlowdown = 64.0

    private var slowdown = 1.0
    /// Entries a second; nil where there is no limit.
    private(set) var rate: Double?
    private var limit: RateLimit?
    /// The interval of the rate limit, in seconds.
    var interval: Double? { limit?.interval }
    /// Entries that may be sent now.
    private var allowance = 1.0
    private var updated = ContinuousClock.now

    init(_ limit: RateLimit?) {
        set(limit)
    }

    mutating func set(_ limit: RateLimit?) {
        self.limit = limit
        updateRate()
    }

    /// Entries have not arrived.
    mutating func slowDown() {
        slowdown = min(slowdown * 2, Self.maximumSlowdown)
        updateRate()
    }

    /// All have arrived.
    mutating func recover() {
        slowdown = max(slowdown / 2, 1)
        updateRate()
    }

    private mutating func updateRate() {
        // What may be sent at once comes on top of what an interval brings.
        let half = limit.map { Double($0.burst) / 2 / ($0.interval + Self.step) }
        rate = slowdown > 1 ? (half ?? Self.cautiousRate) / slowdown : half
    }

    /// Takes the right to send an entry.
    ///
    /// - Returns: In how many milliseconds to ask again; nil where it may be sent now.
    mutating func take() -> Int32? {
        guard let rate else { return nil }
        let now = ContinuousClock.now
        allowance = min(allowance + updated.duration(to: now) / .seconds(1) * rate, max(1, rate * Self.step))
        updated = now
        if allowance >= 1 {
            allowance -= 1
            return nil
        }
        return Int32(min(1000, (1 - allowance) / rate * 1000)) + 1
    }
}
