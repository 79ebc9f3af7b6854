import ArgumentParser
import Glibc
import Journal
import Osquery
import SystemCalls

/// Looks at all that an administrator would, and says what is wrong and how it is mended.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what keeps osqueryd's logs from the journal, and how to mend it.",
        discussion: """
            Run it as root. Flags are read out of the file, and asked of a running osqueryd. Variables that are not set here are \
            those of the running osqueryd. A line is sent to the journal. The exit code is 1 where an error was found, else 0.
            """)

    private static let defaultList = "/etc/osquery/extensions.load"

    @Option(
        help: ArgumentHelp(
            "osqueryd's flags; by default \(OsquerydSocket.defaultFlagFile), where it is.", valueName: "file"))
    var flagfile: String?

    @OptionGroup var osqueryd: OsquerydSocket

    @Option(help: ArgumentHelp("The executable to look at; by default this one.", valueName: "file"))
    var executable: String?

    @Flag(help: "Print JSON: an array of objects with level, text and remedy.")
    var json = false

    func run() throws {
        let findings = self.findings
        if json {
            var writer = JSONWriter()
            writer.array { json in for finding in findings { finding.write(to: &json) } }
            print(writer.text)
        } else {
            for finding in findings { print(finding.line) }
        }
        if findings.contains(where: { $0.level == .error }) { throw ExitCode(1) }
    }

    private var findings: [Finding] {
        let name = TutorialExtension.name
        var findings: [Finding] = []
        var flags = OsqueryFlags([:])
        var source = flagfile ?? OsquerydSocket.defaultFlagFile
        do {
            if flagfile != nil || access(source, F_OK) == 0 { flags = try OsqueryFlags(file: source) }
        } catch {
            findings.append(.error("\(error)", "name the file that osqueryd's --flagfile names"))
        }
        let environment = OsquerydEnvironment.adopt(socket: osqueryd.path(flags))
        findings.append(environment.finding)
        let running = OsquerydChecks.findings(socket: osqueryd.path(flags), extensionName: name)
        if let known = running.flags { (flags, source) = (flags.merging(known), "osqueryd's flags") }
        findings += FileChecks.findings(
            executable: executable ?? Self.ownPath, list: flags["extensions_autoload"] ?? Self.defaultList)
        findings += FlagChecks.findings(flags, from: source, extensionName: name)
        findings += GistNames.findings(flags, from: source, isEnvironmentKnown: environment.isKnown)
        findings += JournalChecks.findings
        let settings = JournalSettings(
            environment: Environment.value, complain: { findings.append(.error($0, "mend the variable")) })
        findings += SpoolChecks.findings(settings)
        return findings + running.findings
    }

    private static var ownPath: String { linkTarget(of: "/proc/self/exe") ?? CommandLine.arguments[0] }
}
