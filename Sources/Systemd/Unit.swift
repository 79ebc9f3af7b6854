/// A unit of systemd, and what its properties say (org.freedesktop.systemd1(5)). What a unit of its type does not have is nil.
package struct Unit: Sendable, Equatable {
    package var name = ""
    package var description = ""
    package var loadState = ""
    package var activeState = ""
    package var subState = ""
    package var unitFileState: String?
    /// The unit's file.
    package var fragmentPath: String?
    /// The files that add to it, in the order in which they count.
    package var dropInPaths: [String] = []
    /// When it became active last, in microseconds since 1970.
    package var activeEnterTimestamp: UInt64?
    package var mainPID: UInt32?
    package var execStart: [ExecCommand] = []
    /// `journal`, `null`, `file` and the like.
    package var standardOutput: String?
    package var standardError: String?
    package var user: String?
    package var controlGroup: String?
    package var restarts: UInt32?
    package var memoryCurrent: UInt64?
    package var cpuUsage: UInt64?
    /// How the main process ended, as waitid(2) tells: CLD_EXITED and the like; 0 before it has.
    package var mainExitCode: Int32?
    /// What it exited with, or the signal that ended it.
    package var mainExitStatus: Int32?
    /// How much it may log, in entries in so many microseconds, instead of what journald's own settings say; 0 is “not set”.
    package var logRateLimitInterval: UInt64?
    package var logRateLimitBurst: UInt32?
    /// The namespace of the journal that it logs to; nil for the default one.
    package var logNamespace: String?

    package init() {}

    /// Where output goes: systemd's word for it or, where that says that it is a file, the file's path.
    ///
    /// The path is not told over D-Bus. It stands in the unit's files; the link in proc(5) may only be followed by who could trace the
    /// process.
    package var outputs: (standardOutput: String?, standardError: String?) {
        lazy var file = UnitFile(paths: (fragmentPath.map { [$0] } ?? []) + dropInPaths)
        func output(_ kind: String?, _ setting: String) -> String? {
            guard let kind, ["file", "append", "truncate"].contains(kind), fragmentPath != nil,
                let value = file[setting],
                value.hasPrefix("\(kind):")
            else { return kind }
            return UnitSpecifiers(name: name).resolve(String(value.dropFirst(kind.count + 1))) ?? kind
        }
        return (output(standardOutput, "StandardOutput"), output(standardError, "StandardError"))
    }
}

/// A command of a service.
package struct ExecCommand: Sendable, Equatable {
    package let path: String
    /// With the command's name as first element.
    package let arguments: [String]

    package init(path: String, arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }

    /// The command as a shell would read it back.
    package var commandLine: String {
        ([path] + arguments.dropFirst()).map(Self.quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "%+,-./:=@_".utf8.contains(byte)
            }
        }
        if isPlain && !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
