import SystemCalls
import Testing

@testable import Osquery

private final class Notes: WritableTablePlugin {
    let name = "notes"
    let columns = [Column("title", .text), Column("stars", .integer)]
    let rows = Lock<[Int64: TableRow]>([:])

    func generate(_ query: QueryContext) -> [TableRow] {
        rows.withLock { rows in
            rows.sorted { $0.key < $1.key }.map { id, row in
                var row = row
                row["rowid"] = .integer(id)
                return row
            }
        }
    }

    func insert(_ row: TableRow, rowID: Int64?) throws -> Int64 {
        guard row["title"] != .null else { throw RowChangeError.constraint }
        guard row["title"] != "fixed" else { throw RowChangeError.readOnly }
        return rows.withLock { rows in
            let id = rowID ?? (rows.keys.max() ?? 0) + 1
            rows[id] = row
            return id
        }
    }

    func update(rowID: Int64, to row: TableRow, newRowID: Int64?) throws {
        try rows.withLock { rows in
            guard rows.removeValue(forKey: rowID) != nil else { throw Missing(id: rowID) }
            rows[newRowID ?? rowID] = row
        }
    }

    func delete(rowID: Int64) { rows.withLock { $0[rowID] = nil } }

    struct Missing: Error, CustomStringConvertible {
        let id: Int64
        var description: String { "There is no note \(id)." }
    }
}

@Suite struct WritableTablePluginTests {
    private let notes = Notes()

    private func change(_ entries: [String: String]) async throws -> ExtensionResponse.Row {
        let response = try await notes.call(PluginRequest(entries.merging(["context": "{}"]) { $1 }))
        #expect(response.status.code == 0)
        return try #require(response.rows.first)
    }

    private var all: [ExtensionResponse.Row] {
        get async throws { try await notes.call(PluginRequest(["action": "generate", "context": "{}"])).rows }
    }

    @Test func rowsAreInsertedUpdatedAndDeleted() async throws {
        let values = #"["a \"b\"",5]"#
        #expect(
            try await change(["action": "insert", "auto_rowid": "false", "json_value_array": values]) == [
                "status": "success", "id": "1",
            ])
        #expect(
            try await change(["action": "insert", "auto_rowid": "true", "id": "40", "json_value_array": #"["c",null]"#])
                == ["status": "success", "id": "40"])
        #expect(
            try await change(["action": "update", "id": "1", "new_id": "2", "json_value_array": #"["d",6]"#]) == [
                "status": "success"
            ])
        #expect(try await all == [["title": "d", "stars": "6", "rowid": "2"], ["title": "c", "rowid": "40"]])
        #expect(try await change(["action": "delete", "id": "40"]) == ["status": "success"])
        #expect(try await all == [["title": "d", "stars": "6", "rowid": "2"]])
    }

    @Test func refusalsSayWhichKindTheyAre() async throws {
        let insert = ["action": "insert", "auto_rowid": "false"]
        #expect(try await change(insert.merging(["json_value_array": "[null,1]"]) { $1 }) == ["status": "constraint"])
        #expect(
            try await change(insert.merging(["json_value_array": #"["fixed",1]"#]) { $1 }) == ["status": "readonly"])
        #expect(
            try await change(["action": "update", "id": "9", "json_value_array": #"["d",6]"#]) == [
                "status": "failure", "message": "There is no note 9.",
            ])
    }

    @Test func whatIsNoChangeIsAFailureWithASentence() async throws {
        let requests: [[String: String]] = [
            ["action": "insert", "json_value_array": #"["one"]"#],
            ["action": "insert", "json_value_array": "{}"],
            ["action": "insert"],
            ["action": "update", "id": "x", "json_value_array": #"["d",6]"#],
            ["action": "delete"],
        ]
        for request in requests {
            let answer = try await change(request)
            #expect(answer["status"] == "failure")
            #expect(answer["message"]?.hasPrefix("The request is not understood: ") == true)
        }
        #expect(try await all.isEmpty)
    }
}
