import ArgumentParser
import Journal
import Logging
import Osquery
import SystemCalls

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
        var settings = JournalSettings(logger)
        if Companion.isThisProcess { settings.useCompanionSpool() }
        Sandbox(socket: options.socket, spool: settings.spool).enter(logger)
        let journal = JournalWriter(settings, report: { logger.report($0) })
        do {
            try journal.start()
        } catch {
            logger.error("There is no spool for what systemd-journald does not take: \(error)")
        }
        let rateLimit = Companion.isThisProcess ? nil : RateLimitWatch { logger.report($0) }
        let activity = ExtensionActivity()
        let plugins = Plugins(
            logger: logger, journal: journal, rateLimit: rateLimit, activity: activity, socket: options.socket)
        let companionSpool = CompanionSpool(settings, logger: logger)
        let tutorial = makeExtension(plugins, logger, activity, companionSpool)
        do {
            try? rateLimit?.start()
            Memory.giveBackStart()
            defer {
                companionSpool.stop()
                journal.stop()
                rateLimit?.stop()
            }
            try tutorial.run(options)
        } catch {
            logger.critical("\(error)")
            throw ExitCode(error.exitCode)
        }
    }

    private static func makeExtension(
        _ plugins: Plugins, _ logger: Logger, _ activity: ExtensionActivity, _ companionSpool: CompanionSpool
    ) -> OsqueryExtension {
        let all = plugins.chosen(Environment[.plugins])
        let isCompanion = Companion.isThisProcess
        var tutorial = OsqueryExtension(
            name: isCompanion ? Companion.name : TutorialExtension.name, version: Version.current,
            plugins: isCompanion ? Companion.part(of: all) : all, logger: logger, activity: activity)
        if isCompanion { return tutorial }
        guard let path = Companion.path else {
            companionSpool.replay()
            return tutorial
        }
        let hasCompanion = Lock<Bool?>(nil)
        tutorial.selectPlugins = { options in
            // Found out once: osqueryd's watcher has read the list once, too, and starts what it had then.
            let isCompanionStarted = hasCompanion.withLock { known in
                let isStarted = known ?? Self.isCompanionStarted(at: path, with: options, logger)
                if known == nil && !isStarted { companionSpool.replay() }
                known = isStarted
                return isStarted
            }
            return isCompanionStarted ? Companion.rest(of: all) : all
        }
        return tutorial
    }

    private static func isCompanionStarted(
        at path: String, with options: [String: OptionInfo], _ logger: Logger
    ) -> Bool {
        do {
            guard try Companion.isStarted(with: options) else { return false }
            logger.info("osqueryd starts \(path), too, which registers all plugins but the logger.")
            return true
        } catch {
            logger.error("It cannot be told whether osqueryd starts \(path), too: \(error)")
            return false
        }
    }
}
