import Glibc
import SystemCalls

/// A file of the spool. It stays open: what is in it can be read even when its folder was removed.
///
/// Sendable because ``size`` is only touched with the spool's lock held.
final class SpoolSegment: @unchecked Sendable {
    /// The number of its first entry.
    let first: UInt64
    let file: Int32
    /// Bytes of whole entries.
    var size: Int
    /// How many of them are on the disk.
    var syncedSize: Int

    /// Takes `file` over.
    init(first: UInt64, file: Int32, size: Int) {
        self.first = first
        self.file = file
        self.size = size
        syncedSize = size
    }

    deinit {
        close(file)
    }

    var name: String { SpoolDirectory.segmentName(first) }

    /// Appends all of `parts` or, where the disk is full, takes back what was written of them.
    func append(_ parts: [[UInt8]]) throws(SystemError) {
        for part in parts where !part.withUnsafeBytes({ writeAll($0, to: file) }) {
            let error = SystemError("write to the spool's", name)
            ftruncate(file, off_t(size))
            throw error
        }
        size += parts.reduce(0) { $0 + $1.count }
    }

    /// The bytes at `offset`, as many as there are up to `count`.
    func read(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let start = initialized
                let result = retryingOnInterrupt {
                    pread(file, buffer.baseAddress! + start, count - start, off_t(offset + start))
                }
                if result < 0 { code = errno }
                if result <= 0 { break }
                initialized += result
            }
        }
        guard code == 0 else { throw SystemError("read the spool's", name, code: code) }
        return bytes
    }
}
