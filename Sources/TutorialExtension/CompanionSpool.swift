import Journal
import Logging
import SystemCalls

/// Replays what a companion has left in its spool that osqueryd does not start any more.
final class CompanionSpool: Sendable {
    private let settings: JournalSettings
    private let logger: Logger
    private let writer = Lock<JournalWriter?>(nil)

    /// - Parameter settings: Those of the first process.
    init(_ settings: JournalSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Begins to replay it, on a thread of its own, since reading it may take long.
    func replay() {
        var settings = settings
        let path = JournalSettings.companionSpool(in: settings.spool)
        guard (try? SpoolListing.files(at: path))?.isEmpty == false else { return }
        settings.useCompanionSpool()
        // Else the directory above cannot be used, which its own writer says.
        guard settings.spool == path else { return }
        let journal = JournalWriter(settings, report: { [logger] in logger.report($0) })
        writer.withLock { $0 = journal }
        let fail: @Sendable (SystemError) -> Void = { [logger] error in
            logger.error("What is kept at \(path) cannot be replayed now: \(error)")
        }
        do throws(SystemError) {
            try BlockingThread.start {
                do throws(SystemError) { try journal.start() } catch { fail(error) }
            }
        } catch {
            fail(error)
        }
    }

    func stop() {
        writer.withLock { $0 }?.stop()
    }
}
