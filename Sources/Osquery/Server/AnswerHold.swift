import Synchronization
import SystemCalls

/// Holds answers back for a while: whoever waits for one makes no new connection meanwhile.
final class AnswerHold: Sendable {
    private let isHeld = Atomic(false)
    private let changes = Condition(false)

    /// Holds all answers from now on.
    func begin() {
        changes.withLock { $0 = true }
        isHeld.store(true, ordering: .releasing)
    }

    /// Lets them go, those that are held, too.
    func end() {
        isHeld.store(false, ordering: .releasing)
        changes.change { $0 = false }
    }

    /// Returns when no answers are held.
    func wait() {
        guard isHeld.load(ordering: .acquiring) else { return }
        changes.wait { $0 ? nil : () }
    }
}
