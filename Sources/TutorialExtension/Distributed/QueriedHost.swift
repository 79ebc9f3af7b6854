import Glibc
import Osquery
import SystemCalls

/// What osqueryd calls its host, as its results of scheduled queries have it, and how often it asks for live ones. Both are asked of
/// osqueryd once.
final class QueriedHost: Sendable {
    private struct State {
        /// What osqueryd said; its identifier is nil for the host's name, which may change.
        var answer: (identifier: String?, interval: Int)?
        /// Before then an osqueryd that did not answer is not asked again.
        var nextQuestion = ContinuousClock.now
    }

    private let client: ExtensionManagerClient
    private let state = Lock(State())

    /// - Parameter socket: osqueryd's `--extensions_socket`.
    init(socket: String) {
        // osqueryd waits for our answer while we wait for its own.
        client = ExtensionManagerClient(socketPath: socket, timeout: .seconds(1))
    }

    /// What osqueryd writes as `hostIdentifier`; the host's name where that cannot be found out.
    var identifier: String { answer?.identifier ?? Self.name }

    /// osqueryd's `--distributed_interval`, in seconds; nil where that cannot be found out.
    var interval: Int? { answer?.interval }

    private var answer: (identifier: String?, interval: Int)? {
        let known = state.withLock { state in
            if state.answer == nil, state.nextQuestion <= .now {
                state.nextQuestion = .now + .seconds(60)
                return (answer: state.answer, isToBeAsked: true)
            }
            return (state.answer, false)
        }
        guard known.isToBeAsked, let answer = try? ask() else { return known.answer }
        state.withLock { $0.answer = answer }
        return answer
    }

    /// As osqueryd decides it (osquery: core/system.cpp, getHostIdentifier). What it makes up for `ephemeral` it tells nobody.
    private func ask() throws(ManagerError) -> (identifier: String?, interval: Int) {
        let flags = OsqueryFlags(try client.options().mapValues(\.value))
        var identifier: String?
        switch flags["host_identifier"] {
        case "uuid": identifier = try client.query("SELECT uuid AS id FROM osquery_info").first?["id"]
        case "instance": identifier = try client.query("SELECT instance_id AS id FROM osquery_info").first?["id"]
        case "specified": identifier = flags["specified_identifier"]
        default: break
        }
        return (identifier?.isEmpty == true ? nil : identifier, LiveQueryOptions(flags).interval)
    }

    private static var name: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
