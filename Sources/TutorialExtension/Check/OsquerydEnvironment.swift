import Glibc
import Osquery
import SystemCalls
import Systemd

/// The environment of a running osqueryd, which its extensions inherit (environ(7)).
struct OsquerydEnvironment {
    /// Whether it could be read.
    let isKnown: Bool
    let finding: Finding

    /// Sets the variables that it has and this process does not, so that all findings are about the same ones.
    ///
    /// Call it while the process has one thread (setenv(3)).
    static func adopt(socket: String) -> OsquerydEnvironment {
        guard let process = process(at: socket) else {
            return unknown(
                "osqueryd does not run, so its environment is unknown: a variable that is not set in this environment counts as not set.",
                "sudo systemctl start osqueryd; or set the variables of its unit here")
        }
        do {
            let names = Set(Variable.allCases.map(\.rawValue))
            // A name, “=” and a value each, with a NUL after it (proc_pid_environ(5)).
            for entry in try readStream(at: "/proc/\(process)/environ", limit: 8 << 20).split(separator: 0) {
                let parts = entry.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                let name = String(decoding: parts[0], as: UTF8.self)
                guard parts.count == 2, names.contains(name) else { continue }
                setenv(name, String(decoding: parts[1], as: UTF8.self), 0)
            }
        } catch {
            return unknown(
                "The environment of osqueryd is unknown: \(error) A variable that is not set in this environment counts as not set.",
                "run this as root")
        }
        let found = "Variables that are not set here are those of osqueryd, process \(process)."
        return OsquerydEnvironment(isKnown: true, finding: .ok(found))
    }

    private static func unknown(_ text: String, _ remedy: String) -> OsquerydEnvironment {
        OsquerydEnvironment(isKnown: false, finding: .warning(text, remedy))
    }

    /// The one that listens at the socket or, where there is none, that of osqueryd's unit.
    private static func process(at socket: String) -> Int32? {
        if let process = ExtensionManagerClient(socketPath: socket, timeout: .seconds(3)).listeningProcess() {
            return process
        }
        // Where systemd cannot be asked, the unit has none that could be found.
        guard let unit = try? OsquerydUnit.look([.mainPID]), let process = unit.mainPID, process > 0 else { return nil }
        return Int32(process)
    }
}
