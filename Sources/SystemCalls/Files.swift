import Glibc

/// Writes all of `bytes`; false, with errno(3) telling why, where that fails in between.
package func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
        let result = retryingOnInterrupt {
            write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        }
        guard result > 0 else { return false }
        written += result
    }
    return true
}

extension FileDescriptor {
    /// Writes all of `bytes`, and returns when they are on the disk.
    ///
    /// - Parameter path: What an error names.
    package borrowing func writeSafely(_ bytes: [UInt8], _ path: String) throws(SystemError) {
        let descriptor = rawValue
        guard bytes.withUnsafeBytes({ writeAll($0, to: descriptor) }), fsync(descriptor) == 0 else {
            throw SystemError("write", path)
        }
    }

    /// All that a file holds.
    ///
    /// - Parameters:
    ///   - limit: Bytes that it may have.
    ///   - path: What an error names.
    package borrowing func readAll(limit: Int, _ path: String) throws(SystemError) -> [UInt8] {
        var status = stat()
        guard fstat(rawValue, &status) == 0 else { throw SystemError("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError("read, as it is no regular file,", path, code: EINVAL)
        }
        guard status.st_size <= limit else { throw SystemError("read", path, code: EFBIG) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = retryingOnInterrupt { pread(rawValue, &bytes, bytes.count, 0) }
        guard count >= 0 else { throw SystemError("read", path) }
        return Array(bytes.prefix(count))
    }
}

/// Replaces the file at `path`, or makes it, as `FileDescriptor.replaceFile` does.
///
/// - Parameters:
///   - temporary: The name that it has while it is written; `.NAME.new` unless given.
///   - age: How many seconds ago it shall have been modified.
package func replaceFile(
    at path: String, by temporary: String? = nil, with bytes: [UInt8], age: Int = 0
) throws(SystemError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let directory = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/") + "/"
    let descriptor = try FileDescriptor(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), or: "open", directory)
    try descriptor.replaceFile(String(parts.last ?? ""), by: temporary, with: bytes, age: age, path)
}

/// All that the file at `path` holds; a symbolic link is not followed.
package func readFile(at path: String, limit: Int) throws(SystemError) -> [UInt8] {
    // O_NONBLOCK: a pipe there must not hold us up.
    let file = try FileDescriptor(open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), or: "read", path)
    return try file.readAll(limit: limit, path)
}

/// What can be read at `path`, of whose size the kernel says nothing, as in proc(5); no more than `limit` bytes.
package func readStream(at path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try FileDescriptor(open(path, O_RDONLY | O_CLOEXEC), or: "read", path)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < limit {
        let count = retryingOnInterrupt { read(file.rawValue, &buffer, buffer.count) }
        guard count >= 0 else { throw SystemError("read", path) }
        if count == 0 { break }
        bytes += buffer[..<count]
    }
    return bytes
}

extension FileDescriptor {
    /// The `count` bytes at `offset`; nil where the file ends before.
    ///
    /// - Parameter path: What an error names.
    package borrowing func bytes(at offset: Int, count: Int, _ path: String) throws(SystemError) -> [UInt8]? {
        let descriptor = rawValue
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let start = initialized
                let result = retryingOnInterrupt {
                    pread(descriptor, buffer.baseAddress! + start, count - start, off_t(offset + start))
                }
                if result < 0 { code = errno }
                if result <= 0 { break }
                initialized += result
            }
        }
        guard code == 0 else { throw SystemError("read", path, code: code) }
        return bytes.count == count ? bytes : nil
    }

    /// The file's size in bytes; 0 where it cannot be told.
    package var size: Int {
        var status = stat()
        return fstat(rawValue, &status) == 0 ? Int(status.st_size) : 0
    }
}
