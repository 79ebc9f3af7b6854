import Testing

@testable import Osquery

private enum Mood: String, Encodable {
    case good = "GOOD"
}

private struct Everything: TablePlugin {
    struct Row: Encodable {
        var text = "a\u{0}b"
        var small: Int8 = -8
        var least = Int64.min
        var most = UInt64.max
        var real = 1.5
        var nan = Double.nan
        var infinite = Double.infinity
        var truth = true
        var bytes: [UInt8]? = [0x41, 0xFF]
        var mood = Mood.good
        var nothing: String?
        var snakeCase = 1
    }

    let name = "everything"
    let columns = [
        Column("text", .text, [.index, .collateNoCase], aliases: ["words"]),
        Column("small", .integer), Column("least", .bigint), Column("most", .unsignedBigint, .hidden),
        Column("real", .double), Column("nan", .double), Column("infinite", .double), Column("truth", .integer),
        Column("bytes", .blob), Column("mood", .text, .required), Column("nothing", .text),
        Column("snake_case", .integer),
    ]
    var aliases: [String] { ["all_of_it"] }
    var attributes: TableAttributes { [.cacheable, .userBased] }

    func generate(_ query: QueryContext) -> [Row] { [Row()] }
}

private struct Echo: TablePlugin {
    let name = "echo"
    let columns = [Column("column", .text), Column("operator", .integer), Column("value", .text)]

    func generate(_ query: QueryContext) -> [TableRow] {
        query.constraints.sorted { $0.key < $1.key }.flatMap { column, constraints in
            constraints.map {
                [
                    "column": .text(column), "operator": .integer(Int64($0.operator.rawValue)),
                    "value": .text("\(Mirror(reflecting: $0.value).children.first?.label ?? "null") \($0.value)"),
                ]
            }
        }
    }
}

private struct Wrong<Row: Encodable & Sendable>: TablePlugin {
    let name = "wrong"
    let columns = [Column("a", .text)]
    let row: Row

    func generate(_ query: QueryContext) -> [Row] { [row] }
}

@Suite struct TablePluginTests {
    private let generate = PluginRequest(["action": "generate", "context": "{}"])

    @Test func everyKindOfValueHasItsTextAndWhatIsNullIsLeftOut() async throws {
        let response = try await Everything().call(generate)
        #expect(
            response.rows.withoutRowIDs == [
                [
                    "text": "a\u{0}b", "small": "-8", "least": "-9223372036854775808", "most": "18446744073709551615",
                    "real": "1.5", "infinite": "inf", "truth": "1", "bytes": "A\u{FFFD}", "mood": "GOOD",
                    "snake_case": "1",
                ]
            ])
    }

    @Test func routesTellColumnsAliasesAndAttributes() {
        let routes = Everything().routes
        #expect(routes[0] == ["id": "column", "name": "text", "type": "TEXT", "op": "65"])
        #expect(routes[3] == ["id": "column", "name": "most", "type": "UNSIGNED BIGINT", "op": "16"])
        #expect(routes.contains(["id": "alias", "alias": "all_of_it"]))
        #expect(routes.contains(["id": "columnAlias", "name": "words", "target": "text"]))
        #expect(routes.last == ["id": "attributes", "attributes": "10"])
    }

    @Test(arguments: [
        #"{"constraints":[{"name":"n","list":[{"op":2,"expr":"7"},{"op":65,"expr":"x%"}],"affinity":"BIGINT"}]}"#,
        #"{"constraints":[{"name":"n","list":[{"op":"2","expr":"7"},{"op":"65","expr":"x%"}],"affinity":"BIGINT"},{"name":"m","list":""}]}"#,
    ])
    func constraintsAreTyped(context: String) async throws {
        let response = try await Echo().call(PluginRequest(["action": "generate", "context": context]))
        #expect(
            response.rows.withoutRowIDs == [
                ["column": "n", "operator": "2", "value": "integer 7"],
                ["column": "n", "operator": "65", "value": "text x%"],
            ])
    }

    @Test func everyOperatorKeepsItsNumber() async throws {
        for code in [1, 2, 4, 8, 16, 32, 64, 65, 66, 67, 72] {
            let context = #"{"constraints":[{"name":"n","list":[{"op":\#(code),"expr":"x"}],"affinity":"TEXT"}]}"#
            let response = try await Echo().call(PluginRequest(["action": "generate", "context": context]))
            #expect(response.rows.map { $0["operator"] } == ["\(code)"])
        }
    }

    @Test func theContextAnswersWhatAPluginAsks() throws {
        let text =
            #"{"constraints":[{"name":"pid","list":[{"op":2,"expr":"7"},{"op":2,"expr":"x"},{"op":4,"expr":"3"}],"affinity":"INTEGER"}],"colsUsed":["pid","na\u006de"]}"#
        let query = try QueryContext(RequestValue(text))
        #expect(query.expressions(of: "pid") == ["7", "x"])
        #expect(query.numbers(of: "pid", as: Int32.self) == [7])
        #expect(query.numbers(of: "pid", .greaterThan, as: UInt8.self) == [3])
        #expect(query.uses("name") && !query.uses("user"))
        #expect(QueryContext().uses("anything"))
    }

    @Test func aContextThatIsNoneIsAnError() async {
        for context in ["", "[]", "{\"constraints\":", "nonsense"] {
            await #expect(throws: TableError.self) {
                try await Echo().call(PluginRequest(["action": "generate", "context": context]))
            }
        }
    }

    @Test func aRowThatIsNoneIsAnErrorThatSaysWhy() async {
        func text(_ row: some Encodable & Sendable) async -> String {
            do {
                _ = try await Wrong(row: row).call(generate)
                return "no error"
            } catch {
                return "\(error)"
            }
        }
        #expect(await text(["a": ["b": 1]]).contains("An object in the column “a” cannot be encoded"))
        #expect(await text(["a": [1, 2]]).contains("A list in the column “a” cannot be encoded"))
        #expect(await text([1, 2]).contains("A row that is a list"))
        #expect(await text("x").contains("A row that is a single value"))
        #expect(await text(["b": 1]).contains("has a column “b”, which the table does not declare; it declares a."))
    }

    @Test func whatIsNoActionIsAnsweredWithASentence() async throws {
        let unknown = try await Echo().call(PluginRequest(["action": "explode"]))
        #expect(unknown.status.code == 1 && unknown.status.message.contains("knows no action “explode”"))
        let none = try await Echo().call(PluginRequest(["x": "y"]))
        #expect(none.status.code == 1 && none.status.message.contains("without “action”"))
        let insert = try await Echo().call(PluginRequest(["action": "insert", "json_value_array": "[]"]))
        #expect(insert.rows == [["status": "readonly"]] && insert.status.code == 0)
    }
}

extension [ExtensionResponse.Row] {
    fileprivate var withoutRowIDs: Self { map { row in row.filter { $0.key != "rowid" } } }
}
