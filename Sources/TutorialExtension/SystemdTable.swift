import Osquery
import Systemd

/// The table `systemd`: the system's units. Those of users' own systemd instances are not in it.
struct SystemdTable: TablePlugin {
    struct Row: Encodable {
        var name: String
        var pid: UInt32?
        var loadState: String
        var activeState: String
        var execStart: String?
        var unitPath: String?
        var stdoutPath: String?
        var stderrPath: String?
        var description: String
        var subState: String
        var unitFileState: String?
        var user: String?
        var cgroup: String?
        var restarts: UInt32?
        var memoryCurrent: UInt64?
        var cpuUsageNsec: UInt64?
        var activeEnterTimestamp: UInt64?
        var mainExitCode: Int32?
    }

    let name = "systemd"
    /// Each column, and the properties that its value is made of.
    private static let properties: [(column: Column, properties: Set<UnitProperty>)] = [
        (Column("name", .text, .index), [.name]),
        (Column("pid", .integer, .index), [.mainPID]),
        (Column("load_state", .text), [.loadState]),
        (Column("active_state", .text), [.activeState]),
        (Column("exec_start", .text), [.execStart]),
        (Column("unit_path", .text), [.fragmentPath]),
        (Column("stdout_path", .text), [.name, .standardOutput, .fragmentPath, .dropInPaths]),
        (Column("stderr_path", .text), [.name, .standardError, .fragmentPath, .dropInPaths]),
        (Column("description", .text), [.description]),
        (Column("sub_state", .text), [.subState]),
        (Column("unit_file_state", .text), [.unitFileState]),
        (Column("user", .text), [.user]),
        (Column("cgroup", .text), [.controlGroup]),
        (Column("restarts", .integer), [.restarts]),
        (Column("memory_current", .unsignedBigint), [.memoryCurrent]),
        (Column("cpu_usage_nsec", .unsignedBigint), [.cpuUsage]),
        (Column("active_enter_timestamp", .bigint), [.activeEnterTimestamp]),
        (Column("main_exit_code", .integer), [.mainExitCode, .mainExitStatus]),
    ]
    let columns = properties.map(\.column)
    /// All else may change between two look-ups of one query.
    let primaryKey = ["name"]
    private let systemd = SystemdManager()

    func generate(_ query: QueryContext) throws -> [Row] {
        let properties = Self.properties.filter { query.uses($0.column.name) }.flatMap(\.properties)
        return try systemd.units(UnitSelection.selection(query), Set(properties)).map { unit in
            let outputs = unit.outputs
            return Row(
                name: unit.name,
                pid: unit.mainPID,
                loadState: unit.loadState,
                activeState: unit.activeState,
                execStart: unit.execStart.isEmpty ? nil : unit.execStart.map(\.commandLine).joined(separator: "; "),
                unitPath: unit.fragmentPath,
                stdoutPath: outputs.standardOutput,
                stderrPath: outputs.standardError,
                description: unit.description,
                subState: unit.subState,
                unitFileState: unit.unitFileState,
                user: unit.user,
                cgroup: unit.controlGroup,
                restarts: unit.restarts,
                memoryCurrent: unit.memoryCurrent,
                cpuUsageNsec: unit.cpuUsage,
                activeEnterTimestamp: unit.activeEnterTimestamp.map { $0 / 1_000_000 },
                mainExitCode: unit.mainExitCode ?? 0 == 0 ? nil : unit.mainExitStatus)
        }
    }
}
