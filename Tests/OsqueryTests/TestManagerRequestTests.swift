import Foundation
import OsqueryTesting
import Testing

@testable import Osquery

/// What TestManager sends, beside what a running osqueryd sent.
@Suite struct TestManagerRequestTests {
    /// A request whose JSON texts are values, so that the order of members and of used columns does not count.
    private func parsed(_ request: [String: String]) throws -> [String: NSObject] {
        try request.mapValues { text in
            guard text.hasPrefix("{") || text.hasPrefix("[") else { return NSString(string: text) }
            let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
            guard var context = value as? [String: Any] else { return NSArray(array: try #require(value as? [Any])) }
            if let used = context["colsUsed"] as? [String] { context["colsUsed"] = used.sorted() }
            return NSDictionary(dictionary: context)
        }
    }

    private func observed(
        _ registry: String, where isWanted: ([String: String]) -> Bool
    ) throws -> [String: NSObject] {
        try parsed(try #require(ObservedRequest.all.first { $0.registry == registry && isWanted($0.request) }).request)
    }

    @Test("constraints have the types of their columns, and every column is listed")
    func generate() async throws {
        let columns = [("a", "TEXT", 0), ("b", "INTEGER", 1), ("h", "BIGINT", 16)]
        let table = RecordingPlugin<TableRegistry>(
            "rec", routes: columns.map { ["id": "column", "name": $0, "type": $1, "op": "\($2)"] })
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([table])
        let query = QueryContext(
            constraints: [
                "a": [Constraint(.equals, "x"), Constraint(.like, "x%")], "b": [Constraint(.equals, "1")],
            ], usedColumns: ["a", "b"])
        _ = try await manager.generate("rec", query)
        #expect(
            try parsed(table.requests[0]) == observed("table") { $0["context"]?.contains(#""expr":"1""#) == true })
        _ = try await manager.generate("rec")
        let context = try #require(table.requests[1]["context"])
        #expect(context.hasSuffix(#""colsUsed":["a","b","h"],"colsUsedBitset":7}"#))
    }

    @Test func configurationAndQueries() async throws {
        let config = RecordingPlugin<ConfigRegistry>("gist", answer: ExtensionResponse(rows: [["mypack": "{}"]]))
        let work = #"{"queries":{"q":"SELECT 1"},"discovery":{"q":"SELECT 2"},"accelerate":"60"}"#
        let distributed = RecordingPlugin<DistributedRegistry>(
            "directory", answer: ExtensionResponse(rows: [["results": work]]))
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([config, distributed])
        #expect(try await manager.genPack("gist", name: "mypack", value: "somewhere") == "{}")
        #expect(try parsed(config.requests[0]) == observed("config") { $0["action"] == "genPack" })
        let error = await #expect(throws: TestManagerError.self) {
            try await manager.genPack("gist", name: "other", value: "")
        }
        #expect(error?.code == .badAnswer)
        #expect(
            try await manager.getQueries("directory")
                == DistributedQueries(queries: ["q": "SELECT 1"], discovery: ["q": "SELECT 2"], accelerate: 60))
        let statistics = DistributedResult.Statistics(memory: 4096)
        try await manager.writeResults(
            [
                DistributedResult(name: "bad1", status: 1, message: "no such column: nope", statistics: statistics),
                DistributedResult(name: "empty1", statistics: DistributedResult.Statistics(memory: 28672)),
                DistributedResult(
                    name: "q1", rows: [["a": "1", "b": "2.5"]], statistics: DistributedResult.Statistics()),
            ], to: "directory")
        #expect(try parsed(distributed.requests[1]) == observed("distributed") { $0["action"] == "writeResults" })
    }

    @Test func everyKindOfLog() async throws {
        let logger = RecordingPlugin<LoggerRegistry>("journal")
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([logger])
        try await manager.logInit(to: "journal")
        _ = try await manager.features(of: "journal")
        let lines = [
            TestStatusLine(
                .info, "Executing scheduled query removed_row: select minutes, seconds/4 as q from time", host: "web-01"
            )
        ]
        try await manager.logStatus(lines, to: "journal")
        try await manager.logEvent("e", to: "journal")
        try await manager.logHealth("h", to: "journal")
        let requests = logger.requests
        #expect(try parsed(requests[0]) == observed("logger") { $0["init"] != nil })
        #expect(try parsed(requests[1]) == observed("logger") { $0["action"] == "features" })
        #expect(
            try parsed(requests[2]) == observed("logger") { $0["log"]?.contains("Executing scheduled query") == true })
        #expect(requests[3...] == [["event": "e"], ["health": "h"]])
    }

    @Test("a change is what osquery's xUpdate sends")
    func changes() async throws {
        let routes = [
            ["id": "column", "name": "title", "type": "TEXT", "op": "8"],
            ["id": "column", "name": "stars", "type": "INTEGER", "op": "8"],
            ["id": "column", "name": "share", "type": "DOUBLE", "op": "8"],
            ["id": "columnAlias", "name": "name", "target": "title"],
        ]
        let table = RecordingPlugin<TableRegistry>(
            "rec", routes: routes, answer: ExtensionResponse(rows: [["status": "success", "id": "9"]]))
        let manager = try TestManager()
        defer { manager.stop() }
        try await manager.register([table])
        let context = #"{"constraints":[]}"#
        #expect(try await manager.insert(["title": "a \"b\"", "share": 0.5], into: "rec") == 9)
        #expect(try await manager.insert(["stars": 5], into: "rec", rowID: 40) == 40)
        try await manager.update("rec", rowID: 1, to: ["title": "d"], newRowID: 2)
        try await manager.update("rec", rowID: 1, to: ["title": "d"], newRowID: 1)
        try await manager.delete(from: "rec", rowID: 1)
        let values = #"["d",null,null,"d"]"#
        #expect(
            table.requests == [
                [
                    "action": "insert", "auto_rowid": "false", "json_value_array": #"["a \"b\"",null,0.5,null]"#,
                    "context": context,
                ],
                [
                    "action": "insert", "auto_rowid": "true", "id": "40", "json_value_array": "[null,5,null,null]",
                    "context": context,
                ],
                ["action": "update", "id": "1", "new_id": "2", "json_value_array": values, "context": context],
                ["action": "update", "id": "1", "json_value_array": values, "context": context],
                ["action": "delete", "id": "1", "context": context],
            ])
    }
}
