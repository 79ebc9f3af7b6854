import SystemCalls

/// The file that `--extensions_autoload` names: a path a line, of an extension or of a directory that has some, in it or further below
/// (osquery: extensions/extensions.cpp, loadExtensions).
struct ExtensionList {
    let paths: [String]
    /// Lines that osqueryd passes over, with their first character.
    let comments: [String]

    init(file: String) throws(SystemError) {
        let lines = try readLines(at: file).filter { !$0.isEmpty }.map(String.init)
        let isComment: (String) -> Bool = { $0.hasPrefix("#") || $0.hasPrefix(";") }
        (paths, comments) = (lines.filter { !isComment($0) }, lines.filter(isComment))
    }

    /// Whether a file is in the directory that a line names, or further below.
    static func isDirectory(_ line: String, above path: String) -> Bool {
        path.hasPrefix(line.hasSuffix("/") ? line : line + "/")
    }
}
