import Glibc

extension FileDescriptor {
    /// The names in this directory, in no order that means anything, `.` and `..` among them.
    ///
    /// - Parameter path: What an error names.
    package borrowing func namesInDirectory(_ path: String) throws(SystemError) -> [String] {
        // A descriptor of its own: reading a directory moves a position, which copies of a descriptor share.
        let descriptor = openat(rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("list", path) }
        guard let listing = fdopendir(descriptor) else {
            let error = SystemError("list", path)
            close(descriptor)
            throw error
        }
        defer { closedir(listing) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(listing) else { break }
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        guard errno == 0 else { throw SystemError("list", path) }
        return names
    }

    /// Replaces a file in this directory, or makes it: whole or not at all, on the disk when this returns, readable by our own user
    /// alone, and never through a symbolic link.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - temporary: The name that it has while it is written; `.NAME.new` unless that is too long.
    ///   - age: How many seconds ago it shall have been modified.
    ///   - path: What an error names.
    package borrowing func replaceFile(
        _ name: String, by temporary: String? = nil, with bytes: [UInt8], age: Int = 0, _ path: String
    ) throws(SystemError) {
        let temporary = temporary ?? ".\(name).new"
        unlinkat(rawValue, temporary, 0)
        do throws(SystemError) {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
            let file = try FileDescriptor(openat(rawValue, temporary, flags, 0o600), or: "make", path)
            try file.writeSafely(bytes, path)
            if age > 0 {
                let then = timespec(tv_sec: time(nil) - age, tv_nsec: 0)
                guard futimens(file.rawValue, [then, then]) == 0 else { throw SystemError("set the time of", path) }
            }
            guard renameat(rawValue, temporary, rawValue, name) == 0 else { throw SystemError("make", path) }
        } catch {
            unlinkat(rawValue, temporary, 0)
            throw error
        }
        // EINVAL: there is nothing to flush in such a directory.
        guard fsync(rawValue) == 0 || errno == EINVAL else { throw SystemError("flush the directory of", path) }
    }
}

/// The names in the directory at `path`, `.` and `..` among them.
package func namesInDirectory(at path: String) throws(SystemError) -> [String] {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    return try FileDescriptor(open(path, flags), or: "open", path).namesInDirectory(path)
}

/// What a symbolic link, or one of those of proc(5), leads to; nil where there is none, or it may not be read.
package func linkTarget(of path: String) -> String? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(path, &target, target.count)
    return length > 0 ? String(decoding: target[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
}
