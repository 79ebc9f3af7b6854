import SystemCalls

/// osqueryd's flags, as they stand in a file that `--flagfile` names: one a line, `--name=value`, `--name` or `--noname`.
struct OsqueryFlags {
    private var values: [String: String] = [:]

    init(_ values: [String: String]) {
        self.values = values
    }

    init(file: String) throws(SystemError) {
        for line in try readLines(at: file) {
            // gflags takes one dash for two.
            guard line.hasPrefix("-") else { continue }
            let parts = line.drop { $0 == "-" }.split(separator: "=", maxSplits: 1)
            guard let name = parts.first.map({ String($0.trimmedWhitespace) }) else { continue }
            if parts.count > 1 {
                values[name] = String(parts[1].trimmedWhitespace)
            } else if name.hasPrefix("no") {
                values[String(name.dropFirst(2))] = "false"
            } else {
                values[name] = "true"
            }
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// These, but for those that `others` know better.
    func merging(_ others: OsqueryFlags) -> OsqueryFlags {
        OsqueryFlags(values.merging(others.values) { $1 })
    }

    func isSet(_ name: String) -> Bool { ["true", "1", "yes"].contains(values[name] ?? "") }

    /// The names that a flag's value lists.
    func list(_ name: String) -> [String] {
        (values[name] ?? "").split(separator: ",").map { String($0.trimmedWhitespace) }.filter { !$0.isEmpty }
    }
}
