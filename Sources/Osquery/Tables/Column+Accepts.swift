import Glibc

extension Column {
    /// Whether osqueryd makes a value of the column's type of a text, and the value that it spells (osquery:
    /// sql/dynamic_table_row.cpp, get_column). What it does not take is NULL in a query's result, without a word.
    ///
    /// Empty text in a column of numbers is NULL on purpose. A number with a leading zero is refused, since osqueryd reads it as
    /// an octal one; so is one that an INTEGER, which has 32 bits, would be cut to.
    package func accepts(_ text: String) -> Bool {
        switch type {
        case .text, .blob: true
        case _ where text.isEmpty: true
        case .integer: Int32(text).map { String($0) == text } ?? false
        case .bigint, .unsignedBigint: Int64(text).map { String($0) == text } ?? false
        case .double: Self.isNumber(text)
        }
    }

    /// Whether strtod(3) reads all of a text, as osqueryd has it.
    private static func isNumber(_ text: String) -> Bool {
        text.withCString { start in
            var end: UnsafeMutablePointer<CChar>?
            _ = strtod(start, &end)
            return end.map { UnsafePointer($0) > start && $0.pointee == 0 } ?? false
        }
    }
}
