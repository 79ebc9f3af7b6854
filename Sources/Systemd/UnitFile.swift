import Glibc
import SystemCalls

/// What the files of a unit say: the unit's own and the drop-ins for it (systemd.unit(5), systemd.syntax(7)).
struct UnitFile {
    /// Longer ones are no unit's.
    private static let largest = 1 << 20

    private let texts: [String]

    /// - Parameter paths: The unit's file and its drop-ins, in the order in which they count. What cannot be read is left out.
    init(paths: [String]) {
        texts = paths.compactMap { path in
            guard let file = try? FileDescriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), or: "read", path),
                let bytes = try? file.readAll(limit: Self.largest, path)
            else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// The last value that a setting is given; nil where it has none, or an empty one, which takes back those before it.
    subscript(setting: String) -> String? {
        var value: Substring?
        for text in texts {
            for line in Self.lines(text) {
                guard let equals = line.firstIndex(of: "="), line[..<equals].trimmedWhitespace == setting else {
                    continue
                }
                value = line[line.index(after: equals)...].trimmedWhitespace
            }
        }
        guard let value, !value.isEmpty else { return nil }
        return String(value)
    }

    /// The lines that say something, each with those that continue it behind a backslash. A comment among them is passed over.
    private static func lines(_ text: String) -> [String] {
        var lines: [String] = []
        var begun = ""
        for line in text.split(separator: "\n") {
            let line = line.trimmedWhitespace
            if line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasSuffix("\\") {
                begun += line.dropLast() + " "
            } else {
                lines.append(begun + line)
                begun = ""
            }
        }
        return begun.isEmpty ? lines : lines + [begun]
    }
}
