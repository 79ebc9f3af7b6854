import Testing

@testable import Osquery

private struct Fixed: TablePlugin {
    let name = "fixed"
    let columns = [Column("a", .text), Column("b", .integer), Column("c", .blob)]
    var primaryKey: [String] = []
    let rows: [TableRow]

    func generate(_ query: QueryContext) -> [TableRow] { rows }
}

@Suite struct RowNumbersTests {
    private func numbers(_ rows: [TableRow], primaryKey: [String] = []) async throws -> [Int64] {
        let table = Fixed(primaryKey: primaryKey, rows: rows)
        let response = try await table.call(PluginRequest(["action": "generate", "context": "{}"]))
        return try response.rows.map { try #require($0["rowid"].flatMap(Int64.init)) }
    }

    @Test func aRowHasItsNumberWhereverItIsInAnAnswer() async throws {
        let rows: [TableRow] = [
            ["a": "x", "b": 1], ["a": "y", "b": 1], ["a": "x", "b": 2], [:], ["a": "", "b": -1],
        ]
        let one = try await numbers(rows)
        let other = try await numbers(rows.reversed())
        #expect(one == other.reversed())
        #expect(Set(one).count == rows.count)
        #expect(one.allSatisfy { $0 >= 0 })
        #expect(try await numbers([["b": 2, "c": nil, "a": "x"]]) == [one[2]])
    }

    @Test func rowsThatLookAlikeDiffer() async throws {
        let rows: [TableRow] = [
            ["a": "1"], ["b": 1], ["c": "1"], ["a": "e\u{301}"], ["a": "\u{E9}"], ["a": "a", "c": "b"],
            ["a": "b", "c": "a"],
            ["a": "ab"], ["a": "a\u{0}"], ["a": "a"],
        ]
        #expect(Set(try await numbers(rows)).count == rows.count)
    }

    @Test func equalRowsAreNumberedInTheirOrder() async throws {
        let row: TableRow = ["a": "x"]
        let three = try await numbers([row, row, ["a": "y"], row])
        #expect(Set(three).count == 4)
        #expect(try await numbers([row, row]) == Array(three.prefix(2)))
    }

    @Test func aPrimaryKeyIsAllThatCounts() async throws {
        let before = try await numbers([["a": "x", "b": 1], ["a": "y", "b": 1]], primaryKey: ["a"])
        let after = try await numbers([["a": "y", "b": 7], ["a": "x"]], primaryKey: ["a"])
        #expect(before == after.reversed())
        await #expect(throws: TableError.unknownKeyColumn("d", table: "fixed", known: ["a", "b", "c"])) {
            try await numbers([], primaryKey: ["d"])
        }
    }

    @Test func aRowKeepsANumberOfItsOwn() async throws {
        #expect(try await numbers([["a": "x", "rowid": 7], ["a": "x", "rowid": -1]]) == [7, -1])
    }
}
