import Osquery
import OsqueryTesting
import Synchronization
import Testing

/// What somebody else writes, with what the library makes public.
private final class Collector: SynchronousLoggerPlugin {
    let name = "collector"
    let lines = Mutex<[String]>([])

    func logString(_ text: RequestValue) throws {
        if text.string == "full" { throw Full() }
        // In no task: then the call began without one.
        lines.withLock { $0.append("\(withUnsafeCurrentTask { $0 == nil } ? "string" : "in a task"): \(text)") }
    }

    func logSnapshot(_ text: RequestValue) throws { lines.withLock { $0.append("snapshot: \(text)") } }

    func logStatus(_ lines: [StatusLine]) throws {
        for line in lines { self.lines.withLock { $0.append("status: \(line.messageText ?? "")") } }
    }

    struct Full: Error, CustomStringConvertible { let description = "The disk is full." }
}

@Suite struct SynchronousLoggerTests {
    @Test("a logger without async functions is called on the server's thread, for each kind of log")
    func calledForEachKindOfLog() async throws {
        let logger = Collector()
        let manager = try TestManager()
        defer { manager.stop() }
        _ = try await manager.register([logger])
        try await manager.logInit(to: "collector")
        try await manager.logString("a", to: "collector")
        try await manager.logSnapshot("b", to: "collector")
        try await manager.logStatus([TestStatusLine(.warning, "c")], to: "collector")
        try await manager.logHealth("d", to: "collector")
        try await manager.logEvent("e", to: "collector")
        #expect(logger.lines.withLock { $0 } == ["string: a", "snapshot: b", "status: c", "string: d", "string: e"])
        let error = await #expect(throws: TestManagerError.self) {
            try await manager.logString("full", to: "collector")
        }
        #expect("\(error!)".contains("The disk is full."))
    }
}
