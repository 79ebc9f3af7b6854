import Synchronization

/// What is counted on the way into the journal: whoever asks for it waits for nobody.
final class JournalCounters: Sendable {
    let sent = Atomic<UInt64>(0)
    let sentBytes = Atomic<UInt64>(0)
    let waited = Atomic<UInt64>(0)
    let spooled = Atomic<UInt64>(0)
    let damaged = Atomic<UInt64>(0)
    let refused = Atomic<UInt64>(0)
}
