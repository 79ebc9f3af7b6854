import Glibc

/// The names in a folder, in no order that means anything, `.` and `..` among them.
///
/// - Parameters:
///   - descriptor: The folder, opened; it is closed.
///   - path: What an error names.
package func namesInFolder(closing descriptor: Int32, _ path: String) throws(SystemError) -> [String] {
    guard let listing = fdopendir(descriptor) else { throw SystemError("list", path) }
    defer { closedir(listing) }
    rewinddir(listing)
    var names: [String] = []
    while let entry = readdir(listing) {
        names.append(
            withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
}

/// What a symbolic link, or one of those of proc(5), leads to; nil where there is none, or it may not be read.
package func linkTarget(of path: String) -> String? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(path, &target, target.count)
    return length > 0 ? String(decoding: target[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
}
