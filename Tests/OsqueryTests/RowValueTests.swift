import Foundation
import Testing

@testable import Osquery

private enum Plain: Encodable { case one }
private enum Loaded: Encodable { case number(Int) }
private enum Level: Int, Encodable { case high = 3 }

private struct Values<Row: Encodable & Sendable>: TablePlugin {
    let name = "values"
    var columns = [Column("value", .text)]
    let row: Row

    func generate(_ query: QueryContext) -> [Row] { [row] }
}

@Suite struct RowValueTests {
    private func row(
        _ row: some Encodable & Sendable, _ column: Column = Column("value", .text)
    ) async throws -> ExtensionResponse.Row {
        let request = PluginRequest(["action": "generate", "context": "{}"])
        let rows = try await Values(columns: [column], row: row).call(request).rows
        return try #require(rows.first).filter { $0.key != "rowid" }
    }

    private func text<Value: Encodable & Sendable>(_ value: Value, _ type: ColumnType = .text) async throws -> String? {
        try await row(["value": value], Column("value", type))["value"]
    }

    private func refusal(_ value: some Encodable & Sendable) async -> String {
        do {
            return "no error: \(try await row(value))"
        } catch {
            return "\(error)"
        }
    }

    @Test func aDateIsSecondsSince1970() async throws {
        #expect(try await text(Date(timeIntervalSince1970: 1_700_000_000.75), .bigint) == "1700000000")
        #expect(try await text(Date(timeIntervalSince1970: -0.5), .bigint) == "-1")
        #expect(try await text(Date(timeIntervalSince1970: 1.5), .double) == "1.5")
        #expect(try await text(Date?.none, .bigint) == nil)
        #expect(try await text(Optional(Date(timeIntervalSince1970: 7)), .bigint) == "7")
        #expect(await refusal(["value": Date(timeIntervalSince1970: 1e300)]).contains("which 64 bits do not hold"))
    }

    @Test func aFloatIsItsShortestText() async throws {
        #expect(try await text(Float(0.1), .double) == "0.1")
        #expect(try await text(Float.nan, .double) == nil)
        #expect(try await text(0.1, .double) == "0.1")
    }

    @Test func bytesAreABlobInWhateverTheyAreHeld() async throws {
        let bytes = Array("a\u{0}b".utf8)
        #expect(try await text(bytes, .blob) == "a\u{0}b")
        #expect(try await text(Data(bytes), .blob) == "a\u{0}b")
        #expect(try await text(ContiguousArray(bytes), .blob) == "a\u{0}b")
        #expect(try await text([UInt8](), .blob) == "")
    }

    @Test func valuesOfFoundationAreTheirText() async throws {
        let url = try #require(URL(string: "https://example.com/a?b=c"))
        let id = UUID()
        #expect(try await text(url) == "https://example.com/a?b=c")
        #expect(try await text(id) == id.uuidString)
        #expect(try await text(Decimal(string: "12.30")) == "12.3")
        #expect(try await text(Decimal.nan) == nil)
    }

    @Test func integersOfAnySizeKeepTheirDigits() async throws {
        #expect(try await text(Int64.min) == "-9223372036854775808")
        #expect(try await text(UInt64.max) == "18446744073709551615")
        #expect(try await text(Int128.max) == "170141183460469231731687303715884105727")
        #expect(try await text(0) == "0")
        #expect(try await text(Level.high) == "3")
    }

    @Test func anEnumWithoutARawValueIsAnErrorThatNamesTheRemedy() async {
        let remedy =
            "in the column “value” has no raw value to be encoded. Declare one: `enum Plain: String, Encodable`."
        #expect(await refusal(["value": Plain.one]) == "The enum Plain \(remedy)")
        #expect(await refusal(["value": Plain?.some(.one)]) == "The enum Plain \(remedy)")
        #expect(await refusal(["value": Loaded.number(1)]).contains("`enum Loaded: String, Encodable`"))
        #expect(await refusal(["value": [String: Int]()]).contains("An object in the column “value”"))
        #expect(await refusal(["value": [Int]()]).contains("A list in the column “value”"))
    }

    @Test func aPropertyThatIsNoColumnIsNamedWithTheColumnThatItWouldBe() async {
        struct Row: Encodable { var userID = 1 }
        #expect(
            await refusal(Row())
                == "A row of the table “values” has a property “userID” for a column “user_id”, which the table does "
                + "not declare; it declares value.")
    }

    @Test func aColumnHasOneValue() async {
        struct Twice: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: ColumnKey.self)
                try container.encode(1, forKey: ColumnKey("value"))
                try container.encode(2, forKey: ColumnKey("value"))
            }
        }
        #expect(await refusal(Twice()) == "A row of the table “values” has two values for the column “value”.")
    }

    /// Each type that a row can have, in the column that is for it.
    private struct All: Codable, Equatable, Sendable {
        var date = Date(timeIntervalSince1970: 1_700_000_000)
        var moment = Date(timeIntervalSince1970: 1_700_000_000.25)
        var data = Data([0x61, 0, 0xC3])
        var bytes: [UInt8] = [0x61, 0, 0xC3]
        var url = URL(string: "https://example.org/a?b=c")!
        var uuid = UUID()
        var decimal = Decimal(string: "0.1")!
        var float = Float(0.1)
        var flag = true
        var big = UInt64.max
        var nothing: Date?
    }

    private struct AllTypes: WritableTablePlugin {
        let name = "all_types"
        let columns = [
            Column("date", .bigint), Column("moment", .double), Column("data", .blob), Column("bytes", .blob),
            Column("url", .text), Column("uuid", .text), Column("decimal", .text), Column("float", .double),
            Column("flag", .integer), Column("big", .text), Column("nothing", .bigint, .optimized),
        ]
        let row: All

        func generate(_ query: QueryContext) -> [All] { [row] }

        func insert(_ row: TableRow, rowID: Int64?) throws -> Int64 {
            guard try row.decode(as: All.self) == self.row else { throw RowChangeError.constraint }
            return 1
        }

        func update(rowID: Int64, to row: TableRow, newRowID: Int64?) {}
        func delete(rowID: Int64) {}
    }

    @Test func whatARowWritesIsReadAsItWas() async throws {
        let all = All()
        let rows = try await AllTypes(row: all).call(PluginRequest(["action": "generate", "context": "{}"])).rows
        // Bytes that are not UTF-8 come back from a query as text that osqueryd has made of them.
        var read = try RowDecoder.decode(All.self, from: rows[0], blobs: ["data": Array(all.data), "bytes": all.bytes])
        #expect(read == all)
        read.moment = all.date
        #expect(read != all)
    }

    @Test(arguments: [
        ("date", "yesterday", "“yesterday” is not a value of Date"), ("decimal", "x", "“x” is not a value of Decimal"),
        ("url", "", "“” is not a value of URL"),
    ])
    func whatIsNotSuchAValueIsAnError(column: String, text: String, reason: String) async throws {
        var row = try await AllTypes(row: All()).call(PluginRequest(["action": "generate", "context": "{}"])).rows[0]
        row[column] = text
        let error = #expect(throws: RowError.self) { try RowDecoder.decode(All.self, from: row) }
        #expect(error == RowError(column: column, reason: reason))
    }

    @Test func allPropertiesOfSuchARowAreKnownAtTheStart() {
        #expect(RowKeyProbe.keys(of: All.self).count == 11)
    }
}
