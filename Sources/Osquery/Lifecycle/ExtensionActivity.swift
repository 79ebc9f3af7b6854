import Synchronization

/// Counts what an extension does while it runs; for a plugin that wants to show it.
///
/// ```swift
/// let activity = ExtensionActivity()
/// let hello = OsqueryExtension(name: "hello", version: "1.0.0", plugins: [Status(activity)], activity: activity)
/// ```
public final class ExtensionActivity: Sendable {
    private let registrationCounter = Atomic<Int>(0)
    private let connectionCounter = Atomic<Int>(0)
    private let messageCounter = Atomic<Int>(0)
    private let start = ContinuousClock.now

    /// Counters that are 0.
    public init() {}

    /// How often osqueryd has registered the extension; more than once where its worker was replaced.
    public var registrations: Int { registrationCounter.load(ordering: .relaxed) }
    /// Connections that osqueryd has made: two for each plugin call.
    public var connections: Int { connectionCounter.load(ordering: .relaxed) }
    /// Messages that have come over them, pings included.
    public var messages: Int { messageCounter.load(ordering: .relaxed) }
    /// The time since the extension was made.
    public var uptime: Duration { ContinuousClock.now - start }

    func countRegistration() { registrationCounter.add(1, ordering: .relaxed) }
    func countConnection() { connectionCounter.add(1, ordering: .relaxed) }
    func countMessage() { messageCounter.add(1, ordering: .relaxed) }
}
