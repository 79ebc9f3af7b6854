import Glibc
import Logging
import SystemCalls

/// The life of a registered extension, on the thread that calls ``run()``.
struct ExtensionLifecycle {
    private let description: OsqueryExtension
    private let interval: Duration
    private let timeout: Duration
    private let end: EndWatch
    private let client: ExtensionManagerClient
    private let registrar: Registrar
    private let logger: Logger
    /// osqueryd's watcher started us and lives on when its worker ends, so it is not for us to give up.
    private let isWatched: Bool
    /// What was last said of osqueryd, so that the same is not said again at each interval.
    private var said: String?

    init(_ description: OsqueryExtension, _ options: ExtensionOptions, _ end: EndWatch) {
        self.description = description
        self.end = end
        interval = options.pause
        timeout = .seconds(options.timeout)
        logger = description.logger
        client = ExtensionManagerClient(
            socketPath: options.socket, timeout: max(timeout, .seconds(1)), interrupt: end.descriptor)
        registrar = Registrar(description, client, end, timeout: timeout, interval: interval)
        isWatched = end.parent != nil && getenv("OSQUERY_EXTENSION") != nil
    }

    /// Returns when the extension has ended as it should.
    mutating func run() throws(ExtensionError) {
        do throws(PluginError) {
            try description.plugins.checkNames()
        } catch {
            throw .invalidPlugins(error)
        }
        guard var registration = try registrar.register(reach: timeout) else { return }
        warnOfUnusedLoggers()
        // An osqueryd that went away in this very moment left no connection whose end would tell.
        var pause = client.idleConnection == nil ? Duration.zero : interval
        while true {
            switch end.wait(for: pause, or: [client.idleConnection, registration.socket.descriptor].compactMap(\.self))
            {
            case .ends(let reason):
                return finish(&registration, reason)
            case let wake:
                // osqueryd's worker may be ending, of which nobody has told us.
                if !registration.manager.hasEnded && registration.socket.renewIfRemoved() { continue }
                pause = interval
                registration.socket.closeIdleConnections()
                let outcome: Outcome
                do throws(ExtensionError) {
                    outcome = try keepRegistered(&registration)
                } catch {
                    registration.socket.stop(within: Self.stopLimit)
                    throw error
                }
                switch consume outcome {
                case .asBefore: break
                case .anew(let new): registration = new
                case .gone: return finish(&registration, end.reason)
                }
                // An osqueryd that ends each connection, though it lives, must not keep us busy.
                if wake == .readable, case .ends(let reason) = end.wait(for: Self.pauseAfterHangUp) {
                    return finish(&registration, reason)
                }
            }
        }
    }

    private static let pauseAfterHangUp = Duration.milliseconds(50)

    /// How long to wait for the end of osqueryd, which itself kills an extension 11 s after SIGTERM (osquery: core/watcher.cpp,
    /// stopChild, with --alarm_timeout=15).
    private static let endLimit = Duration.seconds(10)
    /// How long calls under way have when the server stops.
    private static let stopLimit = Duration.milliseconds(600)
    /// Between looks whether osqueryd has ended, where the kernel does not tell.
    private static let endInterval = Duration.milliseconds(50)

    private enum Outcome: ~Copyable {
        case asBefore
        case anew(Registration)
        /// osqueryd is gone for good, or we are to end.
        case gone
    }

    /// Sees to it that osqueryd lists us. A worker that is away is waited for: by an extension that was started by hand as long
    /// as the timeout, and as long as it takes by one that the watcher started.
    private mutating func keepRegistered(_ registration: inout Registration) throws(ExtensionError) -> Outcome {
        var backoff = Backoff(from: .milliseconds(1), upTo: .milliseconds(20))
        var patience = Deadline(in: timeout)
        var messages = description.activity.messages
        while true {
            let isListed: Bool?
            do throws(ManagerError) {
                isListed = try client.extensions().keys.contains(registration.uuid)
                if said != nil { logger.notice("osqueryd answers again.") }
                said = nil
            } catch {
                if case .interrupted = error.reason { return .asBefore }
                say(error)
                // It is there, and answers nothing that makes sense: ask again at the next interval.
                guard case .notReached = error.reason else { return .asBefore }
                isListed = nil
            }
            if let isListed { return isListed ? .asBefore : try registerAnew(registration) }
            // Whoever still calls us is alive, though its socket's file may be gone (osquery issue 7602).
            if description.activity.messages != messages {
                messages = description.activity.messages
                patience = Deadline(in: max(timeout, interval * 2))
            }
            if !isWatched && patience.hasPassed { return .gone }
            // The worker that has registered us may still finish a query.
            if !registration.manager.hasEnded { registration.socket.renewIfRemoved() }
            if case .ends = end.wait(for: backoff.next()) { return .gone }
        }
    }

    private func registerAnew(_ registration: borrowing Registration) throws(ExtensionError) -> Outcome {
        logger.notice("osqueryd does not list this extension any more: registering again.")
        guard let new = try registrar.register(reach: isWatched ? nil : timeout) else { return .gone }
        registration.socket.stop(within: .zero)
        return .anew(new)
    }

    private mutating func say(_ error: ManagerError) {
        let text = error.description
        guard text != said else { return }
        said = text
        logger.warning("\(error)")
    }

    /// Serves osqueryd to its end, answers what is under way, takes us out of osqueryd's list where it is there to be told, and
    /// removes the socket.
    private func finish(_ registration: inout Registration, _ reason: EndWatch.Reason?) {
        if reason != nil && !waitsForUs(registration) { registration.socket.holdAnswers() }
        logger.info("The extension ends.", metadata: ["reason": "\(reason.map { "\($0)" } ?? "osqueryd is gone")"])
        if let reason {
            client.disconnect()
            let hasWaited = serveUntilEnd(&registration)
            if !registration.manager.hasEnded, hasWaited || reason != .shutdown { deregister(registration) }
        }
        registration.socket.stop(within: Self.stopLimit)
    }

    /// Goes on serving until the process that registered us has ended: on SIGTERM osqueryd's worker first finishes the query
    /// under way, and logs results that it has recorded as delivered (osquery issue 7100). Whoever is waited for by that process,
    /// as its child, or is that process, cannot wait for it in turn.
    ///
    /// - Returns: Whether it was waited for.
    ///
    private func serveUntilEnd(_ registration: inout Registration) -> Bool {
        if waitsForUs(registration) || registration.manager.hasEnded || end.isUrgent { return false }
        let osqueryd = registration.manager.pid.map { "osqueryd (process \($0))" } ?? "osqueryd"
        logger.notice(
            "The extension serves \(osqueryd) until that has ended, for at most \(Self.endLimit.components.seconds) s.")
        let deadline = Deadline(in: Self.endLimit)
        while !registration.manager.hasEnded {
            registration.socket.renewIfRemoved()
            if end.isUrgent {
                logger.notice("\(osqueryd) has not ended, and is not waited for any longer.")
                return true
            }
            if deadline.hasPassed {
                logger.warning(
                    "\(osqueryd) has not ended. The extension ends all the same: what is logged from now on is lost.")
                return true
            }
            let descriptors = [registration.manager.descriptor, registration.socket.descriptor].compactMap(\.self)
            let pause = descriptors.count < 2 ? Self.endInterval : interval
            end.waitForUrgency(for: min(pause, deadline.remaining), or: descriptors)
            registration.socket.closeIdleConnections()
        }
        return true
    }

    /// Whether the process that has registered us waits for our end, as its child, or is us.
    private func waitsForUs(_ registration: borrowing Registration) -> Bool {
        registration.manager.pid.map { $0 == end.parentAtStart || $0 == getpid() } ?? false
    }

    /// Tells the osqueryd that has registered us, and no other that listens at the same path by now.
    private func deregister(_ registration: borrowing Registration) {
        let lastWords = ExtensionManagerClient(
            socketPath: client.socketPath, timeout: .milliseconds(250), process: registration.manager.pid)
        try? lastWords.deregisterExtension(registration.uuid)
    }

    /// Says so when osqueryd's `--logger_plugin` names none of our loggers: nothing would be logged, and nobody would know why.
    /// osqueryi logs nothing, and has set `disable_logging` itself (osquery: core/init.cpp).
    private func warnOfUnusedLoggers() {
        let loggers = description.plugins.filter { type(of: $0).registry == .logger }.map(\.name)
        guard !loggers.isEmpty, let options = try? client.options(), let option = options["logger_plugin"],
            options["disable_logging"]?.value != "true"
        else { return }
        let named = option.value.split(separator: ",").map { $0.drop { $0 == " " } }
        guard !loggers.contains(where: { named.contains($0[...]) }) else { return }
        logger.warning(
            """
            osqueryd logs to “\(option.value)” and nothing of it comes here: start osqueryd with \
            --logger_plugin=\(loggers.joined(separator: ",")).
            """)
    }
}
