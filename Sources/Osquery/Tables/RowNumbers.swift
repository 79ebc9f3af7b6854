/// Numbers the rows of one answer, so that the same row has the same number in every answer.
///
/// SQLite tells rows apart by their `rowid` where it looks rows up more than once, for `WHERE a = 1 OR b = 2`. osqueryd numbers
/// an extension's rows by their position unless they have a column `rowid` (osquery: sql/dynamic_table_row.cpp, get_rowid), and
/// a position says nothing where each look-up generates other rows.
///
/// The numbers hold for the life of the process. Swift's hash function has a random seed: whoever chooses values that
/// end up in rows cannot make two rows share a number, by which SQLite would drop one of them.
struct RowNumbers {
    static let column = "rowid"

    /// The columns that identify a row; empty where all of them do.
    private let key: [String]
    /// How many rows had the same values so far. Those are numbered by their order, so that none is dropped.
    private var occurrences: [Int: Int] = [:]

    init(key: [String]) {
        self.key = key
    }

    /// The number of the next row, from 0 to `Int64.max`.
    mutating func next(_ row: TableRow) -> Int64 {
        let hash = hash(row)
        let occurrence = occurrences[hash, default: 0]
        occurrences[hash] = occurrence + 1
        guard occurrence > 0 else { return Int64(hash & .max) }
        var hasher = Hasher()
        hasher.combine(hash)
        hasher.combine(occurrence)
        return Int64(hasher.finalize() & .max)
    }

    /// Adds up the columns' hashes: a row has its columns in any order.
    private func hash(_ row: TableRow) -> Int {
        var sum = 0
        for (column, value) in row.values where key.isEmpty || key.contains(column) {
            var hasher = Hasher()
            hasher.combine(column)
            guard value.hash(into: &hasher) else { continue }
            sum &+= hasher.finalize()
        }
        return sum
    }
}

extension ColumnValue {
    /// Feeds the value to a hasher; false for NULL, which is the same as a value that the row lacks. Text is taken byte by byte:
    /// Swift takes two spellings of “é” for equal, SQLite does not.
    fileprivate func hash(into hasher: inout Hasher) -> Bool {
        switch self {
        case .null: return false
        case .text(var value): value.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        case .integer(let value): hasher.combine(value)
        case .unsigned(let value): hasher.combine(value)
        case .double(let value): hasher.combine(value)
        case .blob(let value): hasher.combine(value)
        }
        return !isNull
    }
}
