import Glibc
import SystemCalls

/// Whether osqueryd would run the executable: what it demands of the file and of where it is
/// (osquery: filesystem/filesystem.cpp, safePermissions; core/watcher.cpp). osqueryd refuses it without a word of which.
enum FileChecks {
    static func findings(executable: String, list: String) -> [Finding] {
        nameAndMode(executable) + folders(above: executable) + listed(executable, in: list)
    }

    /// Whether osqueryd runs the executable, where that hangs on the file and its directory.
    static func isRun(_ path: String) -> Bool {
        !(nameAndMode(path) + folders(above: path)).contains { $0.level == .error }
    }

    private static func nameAndMode(_ path: String) -> [Finding] {
        var findings: [Finding] = []
        if !path.hasSuffix(".ext") {
            findings.append(
                .error("osqueryd runs only what ends in .ext, and this is \(path).", "mv \(path) \(path).ext"))
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            return [.error("\(SystemError("look at", path))", "sudo make install")]
        }
        if status.st_uid != 0 && status.st_uid != geteuid() {
            findings.append(
                .error(
                    "\(path) belongs to user \(status.st_uid), neither root nor osqueryd's.",
                    "sudo chown root:root \(path)"))
        }
        if status.st_mode & S_IWOTH != 0 {
            findings.append(.error("\(path) may be written to by everybody.", "sudo chmod 0755 \(path)"))
        } else if status.st_mode & S_IWGRP != 0 {
            findings.append(.warning("\(path) may be written to by its group.", "sudo chmod 0755 \(path)"))
        }
        if status.st_mode & S_IXUSR == 0 {
            findings.append(.error("\(path) may not be executed.", "sudo chmod 0755 \(path)"))
        }
        return findings.isEmpty ? [.ok("osqueryd may run \(path).")] : findings
    }

    private static func folders(above path: String) -> [Finding] {
        var findings: [Finding] = []
        var folder = path
        var isNearest = true
        while let slash = folder.lastIndex(of: "/"), folder.count > 1 {
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
            var status = stat()
            guard stat(folder, &status) == 0 else { break }
            if isNearest && status.st_mode & S_ISVTX != 0 {
                findings.append(
                    .error(
                        "osqueryd runs nothing from a folder like \(folder), with the sticky bit.",
                        "sudo mv \(path) /usr/lib/osquery/extensions/"))
            } else if status.st_mode & (S_IWOTH | S_IWGRP) != 0 && status.st_mode & S_ISVTX == 0 {
                findings.append(
                    .warning(
                        "The folder \(folder) may be written to by others, who can replace the executable.",
                        "sudo chmod go-w \(folder)"))
            } else if status.st_uid != 0 && status.st_uid != geteuid() {
                findings.append(
                    .warning(
                        "The folder \(folder) belongs to user \(status.st_uid), who can replace the executable.",
                        "sudo chown root \(folder)"))
            }
            isNearest = false
        }
        return findings
    }

    private static func listed(_ path: String, in list: String) -> [Finding] {
        let remedy = "echo \(path) | sudo tee -a \(list)"
        let entries: ExtensionList
        do {
            entries = try ExtensionList(file: list)
        } catch {
            return [.error("osqueryd is told of no extension: \(error)", remedy)]
        }
        let strange = entries.paths.filter { $0 != path }.compactMap { neverRun($0, in: list) }
        if entries.paths.contains(where: { $0 == path || ExtensionList.isDirectory($0, above: path) }) {
            return [.ok("\(list) lists it.")] + strange
        }
        let isCommentedOut = entries.comments.contains { $0.hasSuffix(path) }
        let ending = isCommentedOut ? ": the line is commented out" : ""
        return [.error("\(list) does not list \(path)\(ending).", remedy)] + strange
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Why osqueryd does not run what a line of the list names; of either it says “unsafe permissions”.
    private static func neverRun(_ path: String, in list: String) -> Finding? {
        let reason =
            access(path, F_OK) != 0
            ? "which is not there" : path.hasSuffix(".ext") || isDirectory(path) ? nil : "which does not end in .ext"
        return reason.map { .warning("\(list) names \(path), \($0): osqueryd does not run it.", "sudo editor \(list)") }
    }
}
