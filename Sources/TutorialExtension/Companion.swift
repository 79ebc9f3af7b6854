import Glibc
import Osquery
import SystemCalls

/// The same executable under a second name, `tutorial-extension-plugins.ext`, for plugins that shall not take the logger along when they
/// crash.
///
/// When osqueryd starts both, each registers its part under its own name. The companion always registers the same part; the
/// first one leaves that part out if the list that osqueryd loads extensions from has the companion as well.
enum Companion {
    static let name = "\(TutorialExtension.name)-plugins"
    /// The logger, and the table that reads its state.
    private static let pluginsOfFirst: Set = ["journal", "journal_logger"]

    /// Whether this process is the companion, by the name that it was started under.
    static let isThisProcess = fileName(CommandLine.arguments[0]) == "\(name).ext"

    /// The plugins of the companion.
    static func part(of plugins: [any ExtensionPlugin]) -> [any ExtensionPlugin] {
        plugins.filter { !pluginsOfFirst.contains($0.name) }
    }

    /// The plugins of the first one, which has a companion.
    static func rest(of plugins: [any ExtensionPlugin]) -> [any ExtensionPlugin] {
        plugins.filter { pluginsOfFirst.contains($0.name) }
    }

    /// The companion's file beside this one; nil where there is none.
    static var path: String? {
        let executables = [CommandLine.arguments[0], linkTarget(of: "/proc/self/exe") ?? ""]
        return executables.compactMap(directory).map { "\($0)/\(name).ext" }.first { access($0, F_OK) == 0 }
    }

    /// Whether osqueryd, which runs with these flags, starts a companion (osquery: extensions/extensions.cpp, loadExtensions).
    static func isStarted(with options: [String: OptionInfo]) throws(SystemError) -> Bool {
        if fileName(options["extension"]?.value ?? "") == "\(name).ext" { return true }
        guard let list = options["extensions_autoload"]?.value, access(list, F_OK) == 0 else { return false }
        return try isListed(in: list)
    }

    /// Whether a list of extensions has the companion, its file or a directory that it is in, and osqueryd runs that file.
    static func isListed(in list: String) throws(SystemError) -> Bool {
        try ExtensionList(file: resolved(list)).paths.contains { line in
            if fileName(line) == "\(name).ext" { return FileChecks.isRun(line) }
            let inside = "\(line)/\(name).ext"
            if access(inside, F_OK) == 0 { return FileChecks.isRun(inside) }
            return path.map {
                ExtensionList.isDirectory(resolved(line), above: resolved($0)) && FileChecks.isRun($0)
            } ?? false
        }
    }

    private static func fileName(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }

    private static func directory(of path: String) -> String? {
        path.lastIndex(of: "/").map { String(path[..<$0]) }
    }

    /// The path without symbolic links; as it is where it leads to nothing.
    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
