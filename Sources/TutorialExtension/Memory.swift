import CLinux

/// How the C library's allocator behaves here (mallopt(3)), where memory counts more than its last nanosecond.
enum Memory {
    /// Blocks from this size on are mapped one by one, and given back when they are freed: a snapshot leaves nothing behind.
    private static let mappedFrom: Int32 = 128 << 10

    static func configure() {
        // One heap for all threads; a thread allocates a handful of small blocks a line.
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, mappedFrom)
        mallopt(M_TRIM_THRESHOLD, mappedFrom)
    }
}
