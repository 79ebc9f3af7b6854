import ArgumentParser
import Osquery

/// The command. What osqueryd starts it with names no subcommand: that is ``Serve``.
@main
struct TutorialExtension: ParsableCommand {
    static let name = "tutorial-extension"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract:
            "Carries every log of osqueryd into the systemd journal, and brings tables, configuration and live queries.",
        discussion: """
            osqueryd starts this extension, with --socket, --timeout, --interval and perhaps --verbose, when its path stands \
            in the file that --extensions_autoload names, and logs through it with --logger_plugin=journal. Find the logs \
            with: journalctl OSQUERY_LOG_TYPE=status
            """,
        version: Version.text,
        subcommands: [Serve.self, Ask.self, Check.self, SpoolCommand.self, Variables.self, PrintCompletion.self],
        defaultSubcommand: Serve.self)

    static func main() {
        guard let options = ExtensionOptions(spelledAsByOsqueryd: CommandLine.arguments.dropFirst()) else {
            return main(nil)
        }
        do {
            try Serve.serve(options)
        } catch {
            exit(withError: error)
        }
    }
}
