import Osquery
import OsqueryTesting
import SystemCalls
import Testing

private struct Greetings: TablePlugin {
    struct Row: Encodable { var name: String; var text: String? }

    let name = "greetings"
    let columns = [Column("name", .text, .index), Column("text", .text)]

    func generate(_ query: QueryContext) -> [Row] {
        query.expressions(of: "name").map { Row(name: $0, text: query.uses("text") ? "Hello, \($0)" : nil) }
    }
}

/// Asks osqueryd a query while osqueryd asks it.
private struct Nested: TablePlugin {
    let name = "nested"
    let columns = [Column("depth", .integer)]
    let socketPath: String

    struct Answer: Codable { var depth: Int }

    func generate(_ query: QueryContext) async throws -> [Answer] {
        let manager = ExtensionManagerClient(socketPath: socketPath)
        return try await manager.query("SELECT depth FROM other", as: Answer.self).map { Answer(depth: $0.depth + 1) }
    }
}

@Suite struct TestManagerTests {
    @Test func aPluginIsCalledAsOsquerydCallsIt() async throws {
        let manager = try TestManager(options: ["logger_plugin": OptionInfo(value: "x")])
        defer { manager.stop() }
        try await manager.register([Greetings(), RecordingLogger()])
        let query = QueryContext(constraints: ["name": [Constraint(.equals, "é")]], usedColumns: ["name", "text"])
        #expect(try await manager.generate("greetings", query) == [["name": "é", "text": "Hello, é"]])
        try await manager.logString("x", to: "journal")
        await #expect(throws: TestManagerError.self) { try await manager.generate("nothing") }
        let client = ExtensionManagerClient(socketPath: manager.socketPath)
        #expect(try await client.extensions().values.map(\.name) == ["test"])
        #expect(try await client.options()["logger_plugin"]?.value == "x")
        await #expect(throws: ManagerError.self) { try await manager.register([Greetings()]) }
    }

    @Test("a table that queries osqueryd while it is being queried") func reentrance() async throws {
        let manager = try TestManager { sql in
            ExtensionResponse(rows: sql == "SELECT depth FROM other" ? [["depth": "41"]] : [])
        }
        defer { manager.stop() }
        try await manager.register([Nested(socketPath: manager.socketPath)])
        #expect(try await manager.generate("nested") == [["depth": "42"]])
    }
}
