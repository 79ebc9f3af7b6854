import CLinux
import Glibc
import SystemCalls

/// How much memory this process holds, which counts more here than the last nanosecond: osqueryd's watchdog looks at it.
enum Memory {
    /// Blocks from this size on are mapped one by one, and given back when they are freed: a snapshot leaves nothing behind.
    private static let mappedFrom: Int32 = 128 << 10

    /// By when what only a start needs has been done: osqueryd's first calls come at once.
    private static let startSeconds: UInt32 = 2

    /// Sets how the C library allocates (mallopt(3)).
    static func configure() {
        // One heap for all threads; a thread allocates a handful of small blocks a line.
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, mappedFrom)
        mallopt(M_TRIM_THRESHOLD, mappedFrom)
    }

    /// Gives back, a little later, the pages of code that the start has touched, most of which nothing touches again: reading the
    /// command line, making metadata, linking. What is needed after all comes back out of the page cache.
    static func giveBackStart() {
        try? BlockingThread.start {
            sleep(startSeconds)
            dl_iterate_phdr(
                { object, _, _ in
                    if let object { Memory.giveBackCode(of: object.pointee) }
                    return 0
                }, nil)
        }
    }

    /// The parts of a program or library that are mapped from its file and never written to; what the linker has relocated lies in
    /// those that are.
    private static func giveBackCode(of object: dl_phdr_info) {
        let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))
        for header in UnsafeBufferPointer(start: object.dlpi_phdr, count: Int(object.dlpi_phnum))
        where header.p_type == PT_LOAD && header.p_flags & UInt32(PF_W) == 0 {
            let start = (UInt(object.dlpi_addr) + UInt(header.p_vaddr)) & ~(pageSize - 1)
            let end = UInt(object.dlpi_addr) + UInt(header.p_vaddr) + UInt(header.p_memsz)
            madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
        }
    }
}
