import Synchronization
import SystemCalls

/// Holds answers back for a while: whoever waits for one makes no new connection meanwhile.
final class AnswerHold: Sendable {
    private let isHeld = Atomic(false)
    /// When answers go all the same; nil while none are held.
    private let deadline = Condition<Deadline?>(nil)

    /// Holds all answers from now on, for so long at most.
    func begin(for limit: Duration) {
        deadline.withLock { $0 = Deadline(in: limit) }
        isHeld.store(true, ordering: .releasing)
    }

    /// Lets them go, those that are held, too.
    func end() {
        isHeld.store(false, ordering: .releasing)
        deadline.change { $0 = nil }
    }

    /// Returns when no answers are held.
    func wait() {
        guard isHeld.load(ordering: .acquiring) else { return }
        while let remaining = deadline.withLock({ $0?.remaining }), remaining > .zero {
            _ = deadline.wait(atMost: Int(remaining.pollTimeout) * 1000) { $0 == nil ? () : nil }
        }
    }
}
