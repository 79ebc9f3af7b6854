/// Numbers the rows of one answer, so that the same row has the same number in every answer.
///
/// SQLite tells rows apart by their `rowid` where it looks rows up more than once, for `WHERE a = 1 OR b = 2`. osqueryd numbers
/// an extension's rows by their position unless they have a column `rowid` (osquery: sql/dynamic_table_row.cpp, get_rowid), and
/// a position says nothing where each look-up generates other rows.
///
/// The numbers hold for the life of the process. Swift's hash function has a random seed: whoever chooses values that
/// end up in rows cannot make two rows share a number, by which SQLite would drop one of them.
struct RowNumbers: ~Copyable {
    static let column = "rowid"

    /// The hashes of the rows so far.
    private var seen = HashTable()
    /// How many more rows had the same values. Those are numbered by their order, so that none is dropped.
    private var repetitions: [Int: Int] = [:]

    /// The number of the next row, from 0 to `Int64.max`.
    ///
    /// - Parameter hash: A hash of the values that identify the row.
    mutating func next(_ hash: Int) -> Int64 {
        guard !seen.insert(hash) else { return Int64(hash & .max) }
        let repetition = repetitions[hash, default: 0] + 1
        repetitions[hash] = repetition
        var hasher = Hasher()
        hasher.combine(hash)
        hasher.combine(repetition)
        return Int64(hasher.finalize() & .max)
    }
}
