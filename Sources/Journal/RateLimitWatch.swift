import CSystemd
import Glibc
package import SystemCalls

/// Finds out whether journald has dropped entries of our unit because of its rate limit. No sender is told of that; journald
/// says it in the journal, in the entry after the drops (journald.conf(5), RateLimitIntervalSec=).
package final class RateLimitWatch: Sendable {
    /// How often the journal is looked into, in milliseconds.
    private static let pause: Int32 = 30_000
    /// sd-messages.h: SD_MESSAGE_JOURNAL_DROPPED
    private static let droppedMessage = "a596d6fe7bfa4994828e72309e95d61e"

    private struct State {
        /// Up to when the journal was looked through, in microseconds since 1970.
        var seen = WallClock.microseconds
        var dropped: UInt64 = 0
    }

    /// The systemd unit that this process belongs to.
    package let unit: String
    private let state = Lock(State())
    private let end = WakeEvent()
    private let report: @Sendable (JournalEvent) -> Void

    /// Nil for a process that belongs to no unit: journald limits none such.
    package init?(report: @escaping @Sendable (JournalEvent) -> Void) {
        guard let unit = systemdUnit else { return nil }
        self.unit = unit
        self.report = report
    }

    /// Looks from time to time, on a thread of its own, until ``stop()``.
    package func start() throws(SystemError) {
        try BlockingThread.start {
            while !self.end.isSet(within: Self.pause) { self.look() }
        }
    }

    package func stop() {
        end.set()
    }

    /// Entries of the unit, osqueryd's own words on stderr among them, that journald has dropped since this process started.
    package var dropped: UInt64 {
        look()
        return state.withLock { $0.dropped }
    }

    private func look() {
        let new: UInt64 = state.withLock { state in
            let new = Self.dropped(of: unit, since: &state.seen)
            state.dropped += new
            return new
        }
        if new > 0 { report(.suppressed(entries: new, unit: unit)) }
    }

    /// Adds up what journald says since `seen`, which moves to behind the last it said.
    private static func dropped(of unit: String, since seen: inout UInt64) -> UInt64 {
        var journal: OpaquePointer?
        let flags = Int32(SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)
        guard sd_journal_open_namespace(&journal, JournalNamespace.current.name, flags) >= 0 else { return 0 }
        defer { sd_journal_close(journal) }
        // Only journald itself can send by this transport.
        let matches = ["MESSAGE_ID=\(droppedMessage)", "_TRANSPORT=driver", "OBJECT_SYSTEMD_UNIT=\(unit)"]
        for match in matches where sd_journal_add_match(journal, match, 0) < 0 { return 0 }
        guard sd_journal_seek_realtime_usec(journal, seen) >= 0 else { return 0 }
        var dropped: UInt64 = 0
        while sd_journal_next(journal) > 0 {
            var time: UInt64 = 0
            if sd_journal_get_realtime_usec(journal, &time) >= 0 { seen = max(seen, time + 1) }
            dropped += number("N_DROPPED", in: journal)
        }
        return dropped
    }

    private static func number(_ field: String, in journal: OpaquePointer?) -> UInt64 {
        var data: UnsafeRawPointer?
        var length = 0
        guard sd_journal_get_data(journal, field, &data, &length) >= 0 else { return 0 }
        let text = String(decoding: UnsafeRawBufferPointer(start: data, count: length), as: UTF8.self)
        return UInt64(text.dropFirst(field.utf8.count + 1)) ?? 0
    }
}
