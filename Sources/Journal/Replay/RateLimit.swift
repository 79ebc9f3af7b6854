import CSystemd
import Glibc
import SystemCalls

/// journald's rate limit for a unit: what exceeds `burst` entries in an interval it drops, and the sender is not told.
struct RateLimit: Equatable {
    /// In seconds.
    var interval: Double
    var burst: Int

    /// The limit that holds for this process; nil where none does.
    ///
    /// systemd publishes what a unit sets itself as symbolic links (systemd: src/core/unit.c, unit_export_log_ratelimit_interval);
    /// otherwise journald's own settings hold (journald.conf(5), RateLimitIntervalSec=). journald counts by unit: a process that
    /// belongs to none has no limit.
    static var current: RateLimit? {
        guard let unit = systemdUnit else { return nil }
        let configuration = JournaldConfiguration(of: .current)
        let published = { (name: String) in
            linkTarget(of: "/run/systemd/units/log-rate-limit-\(name):\(unit)").flatMap { UInt64($0) }
        }
        let interval = published("interval").map { Double($0) / 1e6 } ?? configuration.rateLimitInterval
        // journald counts in an unsigned int.
        let burst = published("burst").map { Int(UInt32(clamping: $0)) } ?? configuration.rateLimitBurst
        if interval <= 0 || burst == 0 { return nil }
        return RateLimit(interval: interval, burst: modulated(burst, available: configuration.availableSpace))
    }

    /// The burst on a disk with so many bytes left for the journal (systemd: src/journal/journald-rate-limit.c, burst_modulate).
    static func modulated(_ burst: Int, available: Int) -> Int {
        let log2 = available > 0 ? Int.bitWidth - 1 - available.leadingZeroBitCount : 0
        return log2 <= 20 ? burst : burst * (log2 - 16) / 4
    }
}

/// The systemd unit that this process belongs to; nil where it belongs to none.
var systemdUnit: String? {
    var unit: UnsafeMutablePointer<CChar>?
    guard sd_pid_get_unit(0, &unit) >= 0, let unit else { return nil }
    defer { free(unit) }
    return String(cString: unit)
}
