import Glibc
import Osquery

/// Where osqueryd listens, as the plugin was told.
struct Whereabouts: TablePlugin {
    struct Row: Encodable { var socket: String }

    let name = "whereabouts"
    let columns = [Column("socket", .text)]
    let osquery: ExtensionManagerClient

    func generate(_ query: QueryContext) async throws -> [Row] {
        [Row(socket: osquery.socketPath)]
    }
}

/// A defect.
struct Crash: TablePlugin {
    struct Row: Encodable { var text: String }

    let name = "crash"
    let columns = [Column("text", .text)]

    func generate(_ query: QueryContext) async throws -> [Row] {
        fatalError("the plugin is broken")
    }
}

/// An extension for test_sdk_life_cycle.py, whose process has threads of other tasks before it runs.
@main
struct Main {
    static func main() async throws {
        for _ in 0..<8 { Task { while true { try await Task.sleep(for: .milliseconds(50)) } } }
        try? await Task.sleep(for: .milliseconds(100))
        let subject = OsqueryExtension(name: "subject", version: "1.2.3") { osquery in
            Command.Start.allCases.map(Command.init) + [Crash(), Whereabouts(osquery: osquery)]
        }
        guard getenv("SUBJECT_RUNS_IN_A_TASK") != nil else { subject.main() }
        try await subject.run(subject.parseOptionsOrExit())
    }
}
