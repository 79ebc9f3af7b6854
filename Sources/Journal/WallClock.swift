import Glibc

/// The time of day.
enum WallClock {
    /// Microseconds since 1970, as the journal counts.
    static var microseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }
}
