package import Glibc

/// The address of a unix socket (unix(7)).
package enum UnixAddress {
    /// Bytes that fit into sun_path. The kernel needs no NUL behind a path that fills it.
    package static let longestPath = 108

    /// Calls `body` with the address of the socket at `path`.
    package static func with<R>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) throws(SystemError) -> R {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= longestPath, !bytes.contains(0) else {
            throw SystemError("use as a socket's path", "“\(path)”", code: bytes.isEmpty ? ENOENT : ENAMETOOLONG)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.offset(of: \.sun_path)! + bytes.count)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
