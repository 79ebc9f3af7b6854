import Logging
import Osquery
import OsqueryServiceLifecycle
import ServiceLifecycle
import Synchronization

/// Counts seconds beside the extension.
final class Clock: Service {
    let seconds = Atomic<Int>(0)

    func run() async throws {
        while !Task.isShuttingDownGracefully {
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
            seconds.add(1, ordering: .relaxed)
        }
    }
}

/// A table that shows what another service of the process knows.
struct ClockTable: TablePlugin {
    struct Row: Encodable { var seconds: Int }

    let name = "clock"
    let columns = [Column("seconds", .integer)]
    let clock: Clock

    func generate(_ query: QueryContext) -> [Row] {
        [Row(seconds: clock.seconds.load(ordering: .relaxed))]
    }
}

@main
struct Main {
    static func main() async throws {
        let clock = Clock()
        let planned = OsqueryExtension(name: "clock", version: "1.0.0", plugins: [ClockTable(clock: clock)])
        let service = ExtensionService(planned, options: planned.parseOptionsOrExit())
        let configuration = ServiceGroupConfiguration(
            services: [
                .init(service: clock), .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup),
            ],
            gracefulShutdownSignals: [.sigterm],
            // Waits neither for osqueryd nor for the next second.
            cancellationSignals: [.sigint], logger: Logger(label: "clock"))
        try await ServiceGroup(configuration: configuration).run()
    }
}
