import Foundation
import Testing
import Thrift

@testable import Osquery

private struct Numbers: StreamingTablePlugin {
    struct Row: Encodable { var number: Int }
    struct Broken: Error, CustomStringConvertible { let description = "The stream broke." }

    let name = "numbers"
    let columns = [Column("number", .bigint)]
    var count = 3
    var breaksAt = Int.max

    func rows(_ query: QueryContext) -> Sequence { Sequence(table: self) }

    struct Sequence: AsyncSequence, AsyncIteratorProtocol {
        let table: Numbers
        var last = 0

        func makeAsyncIterator() -> Self { self }

        mutating func next() async throws -> Row? {
            guard last < table.count else { return nil }
            guard last < table.breaksAt else { throw Broken() }
            last += 1
            await Task.yield()
            return Row(number: last)
        }
    }
}

private struct Wide: StreamingTablePlugin {
    struct Row: Encodable {
        var name: String, path: String, owner: String, note: String
        var pid: Int, size: Int, mode: Int, links: Int, device: Int, isOpen: Bool
    }

    let name = "wide"
    let columns =
        [Column("name", .text), Column("path", .text), Column("owner", .text), Column("note", .text)]
        + ["pid", "size", "mode", "links", "device", "is_open"].map { Column($0, .bigint) }
    let count: Int

    func rows(_ query: QueryContext) -> some AsyncSequence<Row, any Error> {
        AsyncRows(
            (0..<count).lazy.map { number in
                Row(
                    name: "name-\(number)", path: "/usr/share/\(number)", owner: "root", note: "one of many",
                    pid: number,
                    size: number * 4096, mode: 420, links: 1, device: 2049, isOpen: number.isMultiple(of: 2))
            })
    }
}

@Suite struct StreamingTablePluginTests {
    private let request = PluginRequest(["action": "generate", "context": "{}"])

    @Test func rowsComeAsTheSequenceMakesThem() async throws {
        let rows = try await Numbers().call(request).rows
        #expect(rows.map { $0["number"] } == ["1", "2", "3"])
        #expect(Set(rows.map { $0["rowid"] }).count == 3)
        #expect(try await Numbers().generate(QueryContext()).map(\.number) == [1, 2, 3])
        #expect(try await Numbers(count: 0).call(request).rows.isEmpty)
    }

    @Test func anErrorInTheMiddleEndsTheQuery() async {
        await #expect(throws: Numbers.Broken.self) { try await Numbers(breaksAt: 2).call(request) }
    }

    @Test func aCancelledCallAsksForNoMoreRows() async {
        let endless = Task { try await Numbers(count: .max).call(request) }
        endless.cancel()
        await #expect(throws: CancellationError.self) { try await endless.value }
    }

    @Test func anAnswerOf100000RowsIsAsItsRowsAre() async throws {
        let rows = try await Wide(count: 100_000).call(request).rows
        #expect(rows.count == 100_000)
        #expect(Set(rows.map { $0["rowid"] }).count == 100_000)
        #expect(rows[99_999]["path"] == "/usr/share/99999" && rows[99_999]["is_open"] == "0")
    }

    /// In a process of its own, where nothing else allocates.
    @Test func anAnswerTakesLittleMoreThanItsBytes() async {
        await #expect(processExitsWith: .success) {
            let table = Wide(count: 100_000)
            _ = try await Wide(count: 10).call(PluginRequest(["action": "generate", "context": "{}"]))
            let idle = try residentMemory("VmRSS")
            for _ in 0..<3 {
                var size = 0
                do {
                    let answer = try await table.call(PluginRequest(["action": "generate", "context": "{}"]))
                    var writer = ThriftWriter()
                    answer.write(to: &writer)
                    writer.forEachPiece { size += $0.count }
                }
                try #require(size > 15_000_000)
                try #require(try residentMemory("VmHWM") - idle <= size / 10 * 11 + 4 << 20)
                try #require(try residentMemory("VmRSS") - idle <= 4 << 20)
            }
        }
    }
}

/// A figure of /proc/self/status, in bytes.
private func residentMemory(_ key: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(key):") })
    return try #require(Int(line.filter(\.isNumber))) * 1024
}
