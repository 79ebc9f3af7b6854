import ArgumentParser
import Journal
import Logging
import Osquery

/// The command: reads osqueryd's flags, makes the plugins, runs the extension.
@main
struct TutorialExtension: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tutorial-extension",
        abstract: "Carries every log of osqueryd into the systemd journal.",
        discussion: """
            osqueryd starts this extension when its path stands in the file that --extensions_autoload names, and logs \
            through it with --logger_plugin=journal. Find the logs with: journalctl OSQUERY_LOG_TYPE=status
            """,
        version: Version.current)

    @OptionGroup var options: ExtensionOptions

    func run() throws {
        Memory.configure()
        let logger = Words.logger(isVerbose: options.verbose)
        let journal = JournalWriter(JournalSettings(logger), report: { logger.report($0) })
        do {
            try journal.start()
        } catch {
            logger.notice("There is no spool for what journald does not take: \(error)")
        }
        let rateLimit = RateLimitWatch { logger.report($0) }
        let activity = ExtensionActivity()
        let tutorial = Extension(
            name: Self.configuration.commandName!,
            version: Version.current,
            plugins: [
                JournalLogger(journal),
                JournalLoggerTable(writer: journal, rateLimit: rateLimit, activity: activity),
                SystemdTable(),
            ],
            logger: logger,
            activity: activity)
        do {
            try? rateLimit?.start()
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
