import Osquery
import Systemd

/// What a running osqueryd says of itself.
enum OsquerydChecks {
    /// The findings, and the flags that it runs with; nil where none was reached.
    static func findings(socket: String, extensionName: String) -> (findings: [Finding], flags: OsqueryFlags?) {
        let client = ExtensionManagerClient(socketPath: socket, timeout: .seconds(3))
        do {
            let extensions = try client.extensions()
            let options = try client.options()
            let flags = OsqueryFlags(options.mapValues(\.value))
            var findings = [Finding.ok("osqueryd answers at \(socket).")]
            let hasCompanion = (try? Companion.isStarted(with: options)) ?? false
            for name in hasCompanion ? [extensionName, Companion.name] : [extensionName] {
                findings.append(registration(of: name, in: extensions.values.map(\.name)))
            }
            findings.append(try logger(client, flags.list("logger_plugin")))
            return (findings, flags)
        } catch {
            let notAsked = Finding.warning(
                "osqueryd was not asked: \(error)",
                "systemctl status osqueryd; --socket names another --extensions_socket")
            return ([notAsked] + lastEnd, nil)
        }
    }

    private static func registration(of name: String, in names: [String]) -> Finding {
        if names.contains(name) { return .ok("It has the extension \(name) registered.") }
        let others = names.filter { $0 != "core" }.sorted().joined(separator: ", ")
        return .error(
            "It has no extension \(name)\(others.isEmpty ? "" : ", but \(others)").",
            "journalctl SYSLOG_IDENTIFIER=\(Words.identifier) -n 20; sudo systemctl restart osqueryd")
    }

    /// What osqueryd exits with when it lacks a plugin that its flags name (EX_CONFIG, sysexits.h; osquery: core/init.cpp).
    private static let missingPlugin: Int32 = 78

    /// Why osqueryd's unit has ended, where that can be told from its exit code.
    private static var lastEnd: [Finding] {
        let name = OsquerydUnit.name
        guard let unit = try? OsquerydUnit.look([.activeState, .mainExitStatus]), unit.activeState != "active",
            unit.mainExitStatus == missingPlugin
        else { return [] }
        return [
            .error(
                "\(name) has ended with code 78: a plugin that its flags name had not registered in time.",
                "mend what else is found here; journalctl -u \(name) -p err -n 20; sudo systemctl restart \(name)")
        ]
    }

    /// Its registry has a logger as active only where it is the only one; the flag names them all.
    private static func logger(_ client: ExtensionManagerClient, _ named: [String]) throws(ManagerError) -> Finding {
        let sql = "SELECT name FROM osquery_registry WHERE registry = 'logger' AND name = 'journal'"
        let isKnown = try !client.query(sql).isEmpty
        if isKnown && named.contains("journal") { return .ok("It logs to journal.") }
        return .error(
            isKnown ? "It knows the logger journal, and does not log to it." : "It knows no logger journal.",
            "start osqueryd with --logger_plugin=journal")
    }
}
