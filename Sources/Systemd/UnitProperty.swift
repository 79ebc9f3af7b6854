/// A property of a unit that we read, by its name in D-Bus (org.freedesktop.systemd1(5)).
package enum UnitProperty: String, Sendable, CaseIterable {
    case name = "Id"
    case description = "Description"
    case loadState = "LoadState"
    case activeState = "ActiveState"
    case subState = "SubState"
    case unitFileState = "UnitFileState"
    case fragmentPath = "FragmentPath"
    case dropInPaths = "DropInPaths"
    case activeEnterTimestamp = "ActiveEnterTimestamp"

    // Of some types of unit only.
    case mainPID = "MainPID"
    case execStart = "ExecStart"
    case standardOutput = "StandardOutput"
    case standardError = "StandardError"
    case user = "User"
    case controlGroup = "ControlGroup"
    case restarts = "NRestarts"
    case memoryCurrent = "MemoryCurrent"
    case cpuUsage = "CPUUsageNSec"
    case mainExitCode = "ExecMainCode"
    case mainExitStatus = "ExecMainStatus"
    case logRateLimitInterval = "LogRateLimitIntervalUSec"
    case logRateLimitBurst = "LogRateLimitBurst"
    case logNamespace = "LogNamespace"

    /// Those that the list of units brings without asking for each unit's properties.
    static let listed: Set<UnitProperty> = [.name, .description, .loadState, .activeState, .subState]

    /// Those that every unit has.
    static let common = listed.union([.unitFileState, .fragmentPath, .dropInPaths, .activeEnterTimestamp])

    /// Reads the property's value into `unit`, which stays as it is where the value is of another type than systemd's is today.
    func read(_ value: DBusValue, into unit: inout Unit) throws(SystemdError) {
        switch self {
        case .name: unit.name = try value.text() ?? unit.name
        case .description: unit.description = try value.text() ?? unit.description
        case .loadState: unit.loadState = try value.text() ?? unit.loadState
        case .activeState: unit.activeState = try value.text() ?? unit.activeState
        case .subState: unit.subState = try value.text() ?? unit.subState
        case .unitFileState: unit.unitFileState = try value.text()?.nonEmpty
        case .fragmentPath: unit.fragmentPath = try value.text()?.nonEmpty
        case .dropInPaths: unit.dropInPaths = try value.texts() ?? []
        case .standardOutput: unit.standardOutput = try value.text()
        case .standardError: unit.standardError = try value.text()
        case .user: unit.user = try value.text()?.nonEmpty
        case .controlGroup: unit.controlGroup = try value.text()?.nonEmpty
        case .activeEnterTimestamp:
            let time = try value.uint64()
            unit.activeEnterTimestamp = time == 0 ? nil : time
        case .memoryCurrent: unit.memoryCurrent = try value.uint64()?.knownSize
        case .cpuUsage: unit.cpuUsage = try value.uint64()?.knownSize
        case .mainPID: unit.mainPID = try value.uint32()
        case .logRateLimitInterval: unit.logRateLimitInterval = try value.uint64()
        case .logRateLimitBurst: unit.logRateLimitBurst = try value.uint32()
        case .logNamespace: unit.logNamespace = try value.text()?.nonEmpty
        case .restarts: unit.restarts = try value.uint32()
        case .mainExitCode: unit.mainExitCode = try value.int32()
        case .mainExitStatus: unit.mainExitStatus = try value.int32()
        case .execStart: unit.execStart = try value.commands() ?? []
        }
    }
}

extension DBusValue {
    fileprivate func text() throws(SystemdError) -> String? {
        try read("s") { (bytes) throws(SystemdError) in try bytes.string() }
    }

    fileprivate func texts() throws(SystemdError) -> [String]? {
        try read("as") { (bytes) throws(SystemdError) in try bytes.strings() }
    }

    fileprivate func uint32() throws(SystemdError) -> UInt32? {
        try read("u") { (bytes) throws(SystemdError) in try bytes.number(as: UInt32.self) }
    }

    fileprivate func int32() throws(SystemdError) -> Int32? {
        try read("i") { (bytes) throws(SystemdError) in try bytes.number(as: Int32.self) }
    }

    fileprivate func uint64() throws(SystemdError) -> UInt64? {
        try read("t") { (bytes) throws(SystemdError) in try bytes.number(as: UInt64.self) }
    }

    /// Commands: path, arguments, and when each ran and how it ended, which we leave.
    fileprivate func commands() throws(SystemdError) -> [ExecCommand]? {
        try read("a(sasbttttuii)") { (bytes) throws(SystemdError) in
            var commands: [ExecCommand] = []
            try bytes.forEachElement(alignedTo: 8) { (bytes) throws(SystemdError) in
                let path = try bytes.string()
                let arguments = try bytes.strings()
                try bytes.skip("bttttuii")
                commands.append(ExecCommand(path: path, arguments: arguments))
            }
            return commands
        }
    }
}

extension DBusBytes {
    fileprivate mutating func strings() throws(SystemdError) -> [String] {
        var strings: [String] = []
        try forEachElement(alignedTo: 4) { (bytes) throws(SystemdError) in strings.append(try bytes.string()) }
        return strings
    }

    fileprivate mutating func skip(_ types: StaticString) throws(SystemdError) {
        try skip(UnsafeRawBufferPointer(start: types.utf8Start, count: types.utf8CodeUnitCount))
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}

extension UInt64 {
    /// systemd says the largest number of what it does not know.
    fileprivate var knownSize: UInt64? { self == .max ? nil : self }
}
