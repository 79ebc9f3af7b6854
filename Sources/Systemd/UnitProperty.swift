/// A property of a unit that we read, by its name in D-Bus (org.freedesktop.systemd1(5)).
package enum UnitProperty: String, Sendable, CaseIterable {
    case name = "Id"
    case description = "Description"
    case loadState = "LoadState"
    case activeState = "ActiveState"
    case subState = "SubState"
    case unitFileState = "UnitFileState"
    case fragmentPath = "FragmentPath"
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

    /// Those that the list of units brings without asking for each unit's properties.
    static let listed: Set<UnitProperty> = [.name, .description, .loadState, .activeState, .subState]

    /// Those that every unit has.
    static let common = listed.union([.unitFileState, .fragmentPath, .activeEnterTimestamp])

    /// Reads the property's value, a variant, into `unit`.
    func read(from message: BusMessage, into unit: inout Unit) throws(SystemdError) {
        switch self {
        case .name: unit.name = try text(message)
        case .description: unit.description = try text(message)
        case .loadState: unit.loadState = try text(message)
        case .activeState: unit.activeState = try text(message)
        case .subState: unit.subState = try text(message)
        case .unitFileState: unit.unitFileState = try text(message).nonEmpty
        case .fragmentPath: unit.fragmentPath = try text(message).nonEmpty
        case .standardOutput: unit.standardOutput = try text(message)
        case .standardError: unit.standardError = try text(message)
        case .user: unit.user = try text(message).nonEmpty
        case .controlGroup: unit.controlGroup = try text(message).nonEmpty
        case .activeEnterTimestamp:
            let time = try number(message)
            unit.activeEnterTimestamp = time == 0 ? nil : time
        case .memoryCurrent: unit.memoryCurrent = try number(message).knownSize
        case .cpuUsage: unit.cpuUsage = try number(message).knownSize
        case .mainPID:
            try value(message, "u") { () throws(SystemdError) in unit.mainPID = try message.readUInt32() }
        case .restarts:
            try value(message, "u") { () throws(SystemdError) in unit.restarts = try message.readUInt32() }
        case .mainExitCode:
            try value(message, "i") { () throws(SystemdError) in unit.mainExitCode = try message.readInt32() }
        case .mainExitStatus:
            try value(message, "i") { () throws(SystemdError) in unit.mainExitStatus = try message.readInt32() }
        case .execStart:
            try value(message, "a(sasbttttuii)") { () throws(SystemdError) in
                try message.readArray(of: "(sasbttttuii)") { () throws(SystemdError) in
                    unit.execStart.append(try message.readCommand())
                }
            }
        }
    }

    private func text(_ message: BusMessage) throws(SystemdError) -> String {
        var text = ""
        try value(message, "s") { () throws(SystemdError) in text = try message.readString() }
        return text
    }

    private func number(_ message: BusMessage) throws(SystemdError) -> UInt64 {
        var number: UInt64 = 0
        try value(message, "t") { () throws(SystemdError) in number = try message.readUInt64() }
        return number
    }

    /// Reads the variant's value, or leaves what it is for as it is where another systemd has another type there.
    private func value(
        _ message: BusMessage, _ type: String, _ read: () throws(SystemdError) -> Void
    ) throws(SystemdError) {
        try message.readContainer(BusType.variant, of: type, read)
    }
}

extension BusMessage {
    /// A command: path, arguments, and when it ran and how it ended, which we leave.
    fileprivate func readCommand() throws(SystemdError) -> ExecCommand {
        var path = ""
        var arguments: [String] = []
        try readContainer(BusType.structure, of: "sasbttttuii") { () throws(SystemdError) in
            path = try readString()
            try readArray(of: "s") { () throws(SystemdError) in arguments.append(try readString()) }
            try skip("bttttuii")
        }
        return ExecCommand(path: path, arguments: arguments)
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}

extension UInt64 {
    /// systemd says the largest number of what it does not know.
    fileprivate var knownSize: UInt64? { self == .max ? nil : self }
}
