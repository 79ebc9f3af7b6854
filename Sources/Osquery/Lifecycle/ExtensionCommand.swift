import ArgumentParser
import SystemCalls

/// osqueryd's flags as a command that has an extension's name.
struct ExtensionCommand: ParsableCommand {
    /// The extension whose flags are parsed: swift-argument-parser asks the type for a command's name.
    private static let described = Lock((name: "", version: ""))

    static var configuration: CommandConfiguration {
        let (name, version) = described.withLock { $0 }
        return CommandConfiguration(
            commandName: name, abstract: "An extension of osquery; osqueryd starts it.", version: "\(name) \(version)")
    }

    @OptionGroup var options: ExtensionOptions

    /// Parses the flags of this process. Where there are no options in them, prints what there is to say, and ends the process.
    static func parse(for planned: OsqueryExtension) -> ExtensionOptions {
        described.withLock { $0 = (planned.name, planned.version) }
        return parseOrExit().options
    }
}
