import Glibc
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

/// The signals that are blocked where the plugin is called.
private struct BlockedSignals: TablePlugin {
    struct Row: Encodable { var number: Int32 }

    let name = "blocked_signals"
    let columns = [Column("number", .integer)]

    func generate(_ query: QueryContext) async throws -> [Row] {
        var blocked = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &blocked)
        return (1..<32).filter { sigismember(&blocked, $0) == 1 }.map(Row.init)
    }
}

@Suite struct TestManagerTests {
    @Test("no signal is blocked where a plugin is called, so programs that it starts have all")
    func blocksNoSignal() async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([BlockedSignals()])
        #expect(try await manager.generate("blocked_signals") == [])
    }

    @Test("extensions are registered one after the other without names")
    func registersSeveral() async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([BlockedSignals()])
        try await manager.register([RecordingLogger()])
        #expect(Set(manager.extensions.values.map(\.name)) == ["test", "test2"])
        let error = await #expect(throws: TestManagerError.self) { try await manager.delete(from: "nope", rowID: 1) }
        #expect(error?.code == .noSuchTable)
    }

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

/// Returns the rows that it was made with.
private struct Fixed: TablePlugin {
    let name = "fixed"
    let columns = [
        Column("t", .text, aliases: ["tt"]), Column("i", .integer), Column("l", .bigint), Column("u", .unsignedBigint),
        Column("d", .double),
    ]
    let row: TableRow

    func generate(_ query: QueryContext) -> [TableRow] { [["t": "fine"], row] }
}

/// Takes no change but the one of row 1.
private struct Stubborn: WritableTablePlugin {
    let name = "stubborn"
    let columns = [Column("title", .text, .required), Column("stars", .integer, .optimized)]

    func generate(_ query: QueryContext) -> [TableRow] { [] }
    func insert(_ row: TableRow, rowID: Int64?) throws -> Int64 { throw RowChangeError.constraint }
    func update(rowID: Int64, to row: TableRow, newRowID: Int64?) throws {
        guard rowID == 1 else { throw RowChangeError.readOnly }
    }
    func delete(rowID: Int64) throws { throw Locked() }

    struct Locked: Error, CustomStringConvertible { let description = "The row is locked." }
}

extension TestManagerTests {
    private func error(_ body: () async throws -> Void) async -> TestManagerError? {
        await #expect(throws: TestManagerError.self) { try await body() }
    }

    @Test(
        "a value that osqueryd would silently change is an error that names it",
        arguments: [
            ("i", "twelve", "NULL"), ("i", "12 kB", "12"), ("i", "1.5", "1"), ("i", "4294967297", "1"),
            ("i", "010", "8"),
            ("l", "9223372036854775808", "NULL"), ("u", "18446744073709551615", "NULL"), ("d", "1,5", "NULL"),
        ])
    func wrongValues(column: String, value: String, reading: String) async throws {
        let table = Fixed(row: ["t": "wrong", "u": 7, "rowid": 3])
        var row = table.row
        row[column] = .text(value)
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([Fixed(row: row)])
        let type = try #require(manager.columns(of: "fixed")?.first { $0.name == column }).type
        let error = await error { _ = try await manager.generate("fixed") }
        #expect(error?.code == .wrongValue)
        #expect(
            error?.description
                == "Row 2 of the table “fixed” has the value “\(value)” in the column “\(column)”, whose type is "
                + "\(type.rawValue): osqueryd makes \(reading) of it.")
    }

    @Test("values that osqueryd shows as they are")
    func rightValues() async throws {
        let row: TableRow = ["t": "", "i": "-5", "l": "0x10", "u": "", "d": "1e3"]
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([Fixed(row: row)])
        #expect(try await manager.generate("fixed").last == ["t": "", "i": "-5", "l": "0x10", "u": "", "d": "1e3"])
    }

    @Test func unknownColumnsAndTablesAreErrors() async throws {
        let routes = [["id": "column", "name": "a", "type": "TEXT", "op": "0"]]
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([
            RecordingPlugin<TableRegistry>("rec", routes: routes, answer: ExtensionResponse(rows: [["b": "1"]]))
        ])
        #expect(
            await error { _ = try await manager.generate("rec") }?.description
                == "Row 1 of the table “rec” names a column “b”, which the table does not declare; it declares a.")
        let query = QueryContext(constraints: ["c": [Constraint(.equals, "1")]])
        #expect(
            await error { _ = try await manager.generate("rec", query) }?.description
                == "A constraint on the table “rec” names a column “c”, which the table does not declare; it declares a."
        )
        #expect(await error { _ = try await manager.generate("nothing") }?.code == .noSuchTable)
        #expect(await error { try await manager.insert(["b": "1"], into: "rec") }?.code == .unknownColumn)
    }

    @Test func aTableIsKnownAsItWasRegistered() async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        let table = Fixed(row: [:])
        try await manager.register([table])
        #expect(manager.routes(of: "fixed") == table.routes)
        #expect(manager.columns(of: "fixed") == table.columns)
        #expect(manager.routes(of: "fixed", in: .logger) == nil)
        #expect(manager.columns(of: "nothing") == nil)
    }

    @Test("each extension is called for its own plugins, and a name can be taken only once")
    func twoExtensions() async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([Fixed(row: ["i": 1])], as: "first")
        let uuid = try await manager.register([Stubborn()], as: "second")
        #expect(try await manager.generate("fixed").last == ["i": "1"])
        let error = await #expect(throws: ManagerError.self) {
            try await manager.register([Stubborn()], as: "third")
        }
        #expect(
            error?.status?.message
                == "Failed adding registry: Registry item stubborn conflicts with another item of the same name.")
        try await manager.client.deregisterExtension(uuid)
        #expect(manager.routes(of: "stubborn") == nil)
    }

    @Test func aRefusedChangeIsAnError() async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([Stubborn(), Fixed(row: [:])])
        #expect(await error { try await manager.insert(["title": "a"], into: "stubborn") }?.code == .constraint)
        try await manager.update("stubborn", rowID: 1, to: ["title": "a"])
        #expect(await error { try await manager.update("stubborn", rowID: 2, to: ["title": "a"]) }?.code == .readOnly)
        #expect(
            await error { try await manager.delete(from: "stubborn", rowID: 1) }?.description
                == "The delete failed in the table “stubborn”: The row is locked.")
        #expect(await error { try await manager.delete(from: "fixed", rowID: 1) }?.code == .readOnly)
        for row: TableRow in [["title": "a", "stars": "5"], ["title": 5], ["stars": 5]] {
            let error = await error { try await manager.insert(row, into: "stubborn") }
            #expect(error?.code == .wrongValue)
            #expect(error?.description.hasSuffix("(SQLITE_MISMATCH).") == true)
        }
    }

    @Test(
        "NULL is refused as osqueryd refuses it",
        arguments: [
            (ColumnOptions(), true), (ColumnOptions.index, true), (ColumnOptions.required, true),
            (ColumnOptions.additional, false), (ColumnOptions.optimized, false),
            (ColumnOptions.hidden, false), (ColumnOptions([.index, .required]), false),
        ])
    func nulls(options: ColumnOptions, isRefused: Bool) async throws {
        let column = ["id": "column", "name": "a", "type": "TEXT", "op": "\(options.rawValue)"]
        let table = RecordingPlugin<TableRegistry>(
            "rec", routes: [column], answer: ExtensionResponse(rows: [["status": "success", "id": "1"]]))
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([table])
        if isRefused {
            #expect(await error { try await manager.insert([:], into: "rec") }?.code == .wrongValue)
            #expect(await error { try await manager.update("rec", rowID: 1, to: [:]) }?.code == .wrongValue)
        } else {
            #expect(try await manager.insert([:], into: "rec") == 1)
        }
        #expect(table.requests.isEmpty == isRefused)
    }

    @Test("answers are as the test says, also after the start")
    func answers() async throws {
        struct Down: Error, CustomStringConvertible { let description = "The disk is full." }
        let manager = try TestManager { _ in throw Down() }
        defer { manager.stop() }
        let error = await #expect(throws: ManagerError.self) { try await manager.client.query("SELECT 1") }
        #expect(error?.status?.message == "The disk is full.")
        manager.answerQueries { ExtensionResponse(rows: [["sql": $0]]) }
        #expect(try await manager.client.query("SELECT 1") == [["sql": "SELECT 1"]])
        manager.options = ["verbose": OptionInfo(value: "true", type: "bool")]
        #expect(try await manager.client.options() == manager.options)
    }

    @Test func aSocketThatCannotBeMadeIsATestManagersError() {
        let error = #expect(throws: TestManagerError.self) { try TestManager(socketPath: "/nowhere/osquery.em") }
        #expect(error?.code == .notStarted)
        #expect(error?.description.contains("/nowhere/osquery.em") == true)
    }

    @Test func queriesThatOsquerydRefusesAreErrors() async throws {
        for text in ["[]", "{", #"{"queries":{"q":1}}"#, #"{"queries":[]}"#] {
            let manager = try TestManager()
            defer { manager.stop() }
            try await manager.register([
                RecordingPlugin<DistributedRegistry>("d", answer: ExtensionResponse(rows: [["results": text]]))
            ])
            #expect(await error { _ = try await manager.getQueries("d") }?.code == .badAnswer, "\(text)")
        }
    }

    @Test("a plugin is called by the client, whatever its status")
    func clientCalls() async throws {
        let logger = RecordingPlugin<LoggerRegistry>(
            "features", answer: ExtensionResponse(status: ExtensionStatus(code: 3)))
        let manager = try TestManager()
        defer { manager.stop() }
        let uuid = try await manager.register([logger])
        let client: any OsqueryClient = ExtensionManagerClient(socketPath: "\(manager.socketPath).\(uuid)")
        let response = try await client.call(registry: .logger, plugin: "features", request: ["action": "features"])
        #expect(response.status.code == 3)
        #expect(try await manager.features(of: "features") == [.statusLines, .events])
        #expect(logger.requests == [["action": "features"], ["action": "features"]])
    }
}
