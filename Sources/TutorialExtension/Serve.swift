import ArgumentParser
import Journal
import Logging
import Osquery

/// What osqueryd starts: registers the plugins and answers its calls.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve osqueryd; this is what it starts, without naming the subcommand.")

    @OptionGroup var options: ExtensionOptions

    func run() throws {
        try Self.serve(options)
    }

    /// Returns when the extension has ended as it should.
    static func serve(_ options: ExtensionOptions) throws(ExitCode) {
        Privileges.giveUp()
        Memory.configure()
        let logger = Words.logger(isVerbose: options.verbose)
        let settings = JournalSettings(logger)
        Sandbox(socket: options.socket, spool: settings.spool).enter(logger)
        let journal = JournalWriter(settings, report: { logger.report($0) })
        do {
            try journal.start()
        } catch {
            logger.error("There is no spool for what systemd-journald does not take: \(error)")
        }
        let rateLimit = RateLimitWatch { logger.report($0) }
        let activity = ExtensionActivity()
        let plugins = Plugins(logger: logger, journal: journal, rateLimit: rateLimit, activity: activity)
        let tutorial = Extension(
            name: TutorialExtension.configuration.commandName!,
            version: Version.current,
            plugins: plugins.chosen(Environment[.plugins]),
            logger: logger,
            activity: activity)
        do {
            try? rateLimit?.start()
            Memory.giveBackStart()
            defer {
                journal.stop()
                rateLimit?.stop()
            }
            try tutorial.run(options)
        } catch {
            logger.critical("\(error)")
            throw ExitCode(error.exitCode)
        }
    }
}
