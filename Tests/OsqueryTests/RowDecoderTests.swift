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
        ("pid", "x", "The column “pid” of a row cannot be decoded: “x” is not a value of Int32."),
        ("pid", "4294967296", "The column “pid” of a row cannot be decoded: “4294967296” is not a value of Int32."),
        ("onDisk", "yes", "The column “onDisk” of a row cannot be decoded: “yes” is not a truth value (0 or 1)."),
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

private struct Note: Decodable, Equatable {
    var title: String
    var stars: Int?
    var mainPart: [UInt8]?
}

@Suite struct TableRowValueTests {
    private let row: TableRow = [
        "title": "milk", "stars": "5", "main_part": .blob([0, 255]), "nothing": nil, "share": 0.5,
    ]

    @Test func valuesHaveTheTypesThatAreAskedFor() throws {
        #expect(row.string("title") == "milk")
        #expect(row.string("share") == "0.5")
        #expect(row.string("nothing") == nil)
        #expect(row.string("missing") == nil)
        #expect(try row.value("stars", as: Int.self) == 5)
        #expect(try row.value("stars", as: UInt8.self) == 5)
        #expect(try row.value("share", as: Double.self) == 0.5)
        #expect(try row.value("main_part", as: [UInt8].self) == [0, 255])
        #expect(try row.value("nothing", as: Int.self) == nil)
        #expect(try row.value("missing", as: Int.self) == nil)
        let error = #expect(throws: RowError.self) { try row.value("title", as: Int.self) }
        #expect(error?.description == "The column “title” of a row cannot be decoded: “milk” is not a value of Int.")
    }

    @Test func aTableRowIsDecodedIntoAValue() throws {
        #expect(try row.decode(as: Note.self) == Note(title: "milk", stars: 5, mainPart: [0, 255]))
        #expect(try (["title": "a"] as TableRow).decode() == Note(title: "a"))
        #expect(throws: RowError.self) { try (["stars": 5] as TableRow).decode(as: Note.self) }
    }

    @Test(arguments: [
        (ColumnValue.null, "NULL"), (.text("a 'b'"), "a 'b'"), (.integer(-5), "-5"),
        (.unsigned(.max), "18446744073709551615"),
        (.double(0.5), "0.5"), (.double(.nan), "NULL"), (.blob([0, 10, 255]), "X'000AFF'"), (.blob([]), "X''"),
    ])
    func aValueShowsItsText(value: ColumnValue, text: String) {
        #expect("\(value)" == text)
    }
}
