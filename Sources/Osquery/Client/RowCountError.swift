/// A query that was to return exactly one row, and did not.
public struct RowCountError: Error, Equatable, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// The query returned no row.
        public static let noRow = Code(description: "noRow")
        /// The query returned more than one row.
        public static let severalRows = Code(description: "severalRows")
    }

    /// How many rows the query returned.
    public let count: Int
    /// The query.
    public let sql: String

    /// The kind of failure.
    public var code: Code { count == 0 ? .noRow : .severalRows }

    /// What went wrong, as a sentence.
    public var description: String {
        "The query returned \(count == 0 ? "no row" : "\(count) rows") instead of exactly one: \(sql)"
    }
}
