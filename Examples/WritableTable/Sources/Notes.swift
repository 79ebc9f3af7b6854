import Osquery
import Synchronization

/// A table that can be written to. osquery> INSERT INTO notes (text) VALUES ('Remember the milk');
final class Notes: WritableTablePlugin {
    let name = "notes"
    let columns = [Column("text", .text)]
    private let notes = Mutex<[Int64: String]>([:])

    func generate(_ query: QueryContext) -> [TableRow] {
        let notes = notes.withLock { $0 }
        return notes.sorted { $0.key < $1.key }.map { ["rowid": .integer($0), "text": .text($1)] }
    }

    func insert(_ row: TableRow, rowID: Int64?) throws -> Int64 {
        try notes.withLock { notes in
            let id = rowID ?? (notes.keys.max() ?? 0) &+ 1
            guard let text = row.string("text"), notes[id] == nil else { throw RowChangeError.constraint }
            notes[id] = text
            return id
        }
    }

    func update(rowID: Int64, to row: TableRow, newRowID: Int64?) throws {
        guard let text = row.string("text") else { throw RowChangeError.constraint }
        try notes.withLock { notes in
            let id = newRowID ?? rowID
            guard notes[rowID] != nil, id == rowID || notes[id] == nil else { throw RowChangeError.constraint }
            notes[rowID] = nil
            notes[id] = text
        }
    }

    func delete(rowID: Int64) {
        notes.withLock { $0[rowID] = nil }
    }
}

@main
struct Main {
    static func main() {
        OsqueryExtension(name: "notes", version: "1.0.0", plugins: [Notes()]).main()
    }
}
