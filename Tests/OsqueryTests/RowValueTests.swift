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

    @Test(arguments: [
        (ColumnType.integer, ["0", "-1", "2147483647", ""], ["x", "1.5", "2147483648", "010", "+1", " 1"]),
        (.bigint, ["9223372036854775807", ""], ["9223372036854775808", "x", "0x10"]),
        (.unsignedBigint, ["0", "9223372036854775807"], ["18446744073709551615", "no"]),
        (.double, ["1.5", "-1e300", "inf", "0", ""], ["x", "1.5x", " "]),
        (.text, ["", "x"], []), (.blob, ["", "x"], []),
    ])
    func whatOsquerydWouldReadOtherwiseIsNotAccepted(type: ColumnType, right: [String], wrong: [String]) {
        let column = Column("value", type)
        #expect(right.allSatisfy(column.accepts))
        #expect(!wrong.contains(where: column.accepts))
    }
}
