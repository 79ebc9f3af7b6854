import Glibc

/// Whether osqueryd's flags contradict what the extension is for.
enum FlagChecks {
    /// What osqueryd waits for a plugin unless told otherwise, in seconds.
    private static let defaultTimeout: Int32 = 3

    /// - Parameter source: Where the flags are from; what a remedy speaks of.
    static func findings(_ flags: OsqueryFlags, from source: String, extensionName: String) -> [Finding] {
        var findings: [Finding] = []
        func set(_ flag: String) -> String { "in \(source): \(flag)" }
        if flags.isSet("disable_extensions") {
            findings.append(
                .error("--disable_extensions: osqueryd runs no extension.", set("--disable_extensions=false")))
        }
        if flags.isSet("disable_logging") {
            findings.append(.error("--disable_logging: osqueryd logs nothing.", set("--disable_logging=false")))
        }
        let loggers = flags.list("logger_plugin")
        if !loggers.contains("journal") {
            let found = loggers.isEmpty ? "not set, and filesystem then" : loggers.joined(separator: ",")
            findings.append(
                .error("--logger_plugin is \(found): no log comes into the journal.", set("--logger_plugin=journal")))
        } else {
            findings.append(.ok("--logger_plugin names journal."))
            // osquery: filesystem_logger.cpp, init, calls google::ShutdownGoogleLogging().
            if loggers.contains("filesystem") {
                findings.append(
                    .warning(
                        "--logger_plugin names filesystem, too: osqueryd's status lines go to its files, and not to the journal. "
                            + "Results go to both.",
                        set("--logger_plugin=journal")))
            }
        }
        if let text = flags["extensions_timeout"] { findings += timeout(text, set("--extensions_timeout=10")) }
        let required = flags.list("extensions_require")
        if !required.isEmpty && !required.contains(extensionName) {
            findings.append(
                .warning(
                    "--extensions_require names \(required.joined(separator: ", ")); this extension's name is \(extensionName). "
                        + "osqueryd waits for it in vain, and goes on.",
                    set("--extensions_require=\(extensionName)")))
        } else if required.count > 1 {
            findings.append(
                .warning(
                    "--extensions_require names \(required.joined(separator: ", ")): osqueryd waits for the first of them, "
                        + "and not for the others.",
                    set("--extensions_require=\(extensionName)")))
        }
        if flags.isSet("allow_unsafe") {
            findings.append(
                .warning(
                    "--allow_unsafe: osqueryd runs extensions that others may have replaced.",
                    set("--allow_unsafe=false")))
        }
        return findings
    }

    /// Seconds as osqueryd reads them (osquery: extensions.cpp, applyExtensionDelay).
    private static func timeout(_ text: String, _ remedy: String) -> [Finding] {
        let seconds = atoi(text)
        if seconds >= defaultTimeout { return [] }
        let words =
            "--extensions_timeout is \(text): osqueryd waits \(seconds < 1 ? "0.2" : "\(seconds)") s for its logger"
        // The extension registers some milliseconds after osqueryd listens, on a system that has time for it.
        return [
            seconds < 1
                ? .error("\(words), and ends with code 78 where that is not enough.", remedy)
                : .warning("\(words). On a busy system that may not be enough, and it ends with code 78.", remedy)
        ]
    }
}
