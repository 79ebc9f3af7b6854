import FoundationEssentials
import OsqueryTesting
import SystemCalls
import Testing

@testable import Osquery

private struct Localized: LocalizedError {
    var errorDescription: String?
}

private struct Failing: WritableTablePlugin {
    struct Row: Encodable {}

    let name = "failing"
    let columns = [Column("a", .text)]
    let error: any Error

    func generate(_ query: QueryContext) async throws -> [Row] { throw error }
    func insert(_ row: TableRow, rowID: Int64?) async throws -> Int64 { throw error }
    func update(rowID: Int64, to row: TableRow, newRowID: Int64?) async throws { throw error }
    func delete(rowID: Int64) async throws { throw error }
}

/// Decodes to nothing but an error.
private struct Undecodable: Decodable {
    init(from decoder: any Decoder) throws {
        throw Localized(errorDescription: "the planet is closed")
    }
}

@Suite struct ErrorTextTests {
    static let errors: [(any Error, String)] = [
        (Localized(errorDescription: "the planet is closed"), "the planet is closed"),
        (Localized(errorDescription: nil), "Localized(errorDescription: nil)"),
        (SystemError("open", "/planet", code: 2), "\(SystemError("open", "/planet", code: 2))"),
    ]

    @Test("osqueryd is told the text that an error has for people", arguments: errors)
    func textOfErrors(error: any Error, text: String) async throws {
        let gate = CallGate()
        let table = Failing(error: error)
        #expect(gate.call(table, PluginRequest(["action": "generate", "context": "{}"])).status == .failure(text))
        let change = try await table.call(PluginRequest(["action": "delete", "id": "1"]))
        #expect(change.status.code == 0)
        #expect(change.rows == [["status": "failure", "message": text]])
    }

    @Test("a row that cannot be decoded is told in the text that the error has for people")
    func textOfRows() {
        let error = #expect(throws: RowError.self) { try RowDecoder.decode(Undecodable.self, from: ["a": "1"]) }
        #expect("\(error!)".contains("the planet is closed"))
    }
}
