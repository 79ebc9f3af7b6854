import Glibc
import Logging
import SystemCalls

/// An extension as osqueryd knows it: its number, and the socket at which it is called.
struct Registration: ~Copyable, Sendable {
    let uuid: Int64
    var socket: ServedSocket
    /// Who has registered it.
    let manager: ManagerProcess
}

/// Registers an extension, as often as it takes.
struct Registrar {
    /// Sockets that may turn out to be taken by something else, each of which costs a new number.
    private static let mostSockets = 3

    private let description: OsqueryExtension
    private let client: ExtensionManagerClient
    private let end: EndWatch
    /// How long a refusal may last: a dead predecessor of the same name is listed until two pings have failed, each of which
    /// waits an interval and a timeout (osquery: extensions/extensions.cpp, ExtensionManagerWatcher).
    private let refusalLimit: Duration
    private let logger: Logger

    init(
        _ description: OsqueryExtension, _ client: ExtensionManagerClient, _ end: EndWatch, timeout: Duration,
        interval: Duration
    ) {
        self.description = description
        self.client = client
        self.end = end
        refusalLimit = (timeout + interval) * 2 + timeout
        logger = description.logger
    }

    /// Registers and begins to answer.
    ///
    /// - Parameter reach: How long to wait for osqueryd to be there; nil waits until the extension is to end.
    /// - Returns: Nil when the extension is to end.
    func register(reach: Duration?) throws(ExtensionError) -> Registration? {
        for attempt in 1... {
            guard let (uuid, plugins) = try registerWithManager(reach: reach) else { return nil }
            do {
                return try serve(uuid, plugins, for: client.managerProcess())
            } catch {
                logger.error("\(error)")
                try? client.deregisterExtension(uuid)
                if attempt == Self.mostSockets { throw error.code == EACCES ? .notPermitted(error) : .failed(error) }
            }
        }
        return nil
    }

    private func serve(
        _ uuid: Int64, _ plugins: [any ExtensionPlugin], for manager: consuming ManagerProcess
    ) throws(SystemError) -> Registration {
        let server = try ExtensionServer(
            socketPath: "\(client.socketPath).\(uuid)",
            processor: ExtensionProcessor(uuid: uuid, plugins: plugins),
            activity: description.activity,
            logger: logger,
            onShutdown: { [end] in end.end(because: .shutdown) })
        // Before anybody can ask for it.
        description.activity.countRegistration()
        try server.start()
        logger.info("Registered with osqueryd.", metadata: ["uuid": "\(uuid)", "socket": "\(server.socketPath)"])
        return Registration(uuid: uuid, socket: ServedSocket(server, logger: logger), manager: manager)
    }

    /// - Returns: The number that osqueryd gave the extension, and what was registered.
    private func registerWithManager(
        reach: Duration?
    ) throws(ExtensionError) -> (uuid: Int64, plugins: [any ExtensionPlugin])? {
        let info = ExtensionInfo(name: description.name, version: description.version)
        let reachDeadline = reach.map(Deadline.init(in:))
        var reached = Backoff(from: .milliseconds(1), upTo: .milliseconds(20))
        var refused = Backoff(from: .milliseconds(20), upTo: .seconds(1))
        var refusalDeadline: Deadline?
        var said: String?
        while end.reason == nil {
            do {
                var plugins = description.plugins
                if let select = description.selectPlugins { plugins = select(try client.options()) }
                return (try client.registerExtension(info, plugins: plugins), plugins)
            } catch {
                let pause: Duration
                switch error.reason {
                case .interrupted:
                    return nil
                case .notReached(let system) where system.code == EACCES || system.code == EPERM:
                    throw .notPermitted(system)
                case .notReached:
                    if let reach, let reachDeadline, reachDeadline.hasPassed {
                        throw .notReached(error, timeout: reach)
                    }
                    pause = reached.next()
                case .timedOut, .closed, .badReply, .exception, .refused:
                    let deadline = refusalDeadline ?? Deadline(in: refusalLimit)
                    refusalDeadline = deadline
                    if deadline.hasPassed { throw .refused(error) }
                    if said != error.description { logger.warning("\(error) Trying again.") }
                    said = error.description
                    pause = refused.next()
                }
                if case .ends = end.wait(for: pause) { return nil }
            }
        }
        return nil
    }
}
