import Testing

@testable import Osquery

private enum State: String, Decodable { case running, stopped }

private struct Process: Decodable, Equatable {
    var pid: Int32
    var name: String
    var parentPid: Int?
    var onDisk: Bool
    var load: Double
    var state: State
    var data: [UInt8]
    var note: String?
}

@Suite struct RowDecoderTests {
    private let row = [
        "pid": "7", "name": "", "parent_pid": "", "onDisk": "1", "load": "1.5e-3", "state": "running", "data": "ab",
        "note": "",
    ]

    @Test func aRowIsDecodedIntoAValue() throws {
        let process = try RowDecoder.decode(Process.self, from: row)
        #expect(
            process
                == Process(
                    pid: 7, name: "", parentPid: nil, onDisk: true, load: 0.0015, state: .running, data: [0x61, 0x62],
                    note: ""))
    }

    @Test(arguments: [
        ("pid", "x", "The column “pid” of a row cannot be decoded: “x” is no Int32."),
        ("pid", "4294967296", "The column “pid” of a row cannot be decoded: “4294967296” is no Int32."),
        ("onDisk", "yes", "The column “onDisk” of a row cannot be decoded: “yes” is no truth value."),
    ])
    func whatDoesNotFitIsSaid(column: String, value: String, sentence: String) {
        var row = row
        row[column] = value
        do {
            _ = try RowDecoder.decode(Process.self, from: row)
            Issue.record("It was decoded.")
        } catch {
            #expect(error.description == sentence)
        }
    }

    @Test func aMissingColumnIsSaid() {
        #expect(throws: RowError(column: "pid", reason: "the row has no such column")) {
            try RowDecoder.decode(Process.self, from: ["name": "x"])
        }
    }
}
