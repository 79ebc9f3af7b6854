/// A table that makes its rows one after the other, so that only the answer to osqueryd is ever held in memory.
///
/// ```swift
/// struct Numbers: StreamingTablePlugin {
///     struct Row: Encodable { var number: Int }
///
///     let name = "numbers"
///     let columns = [Column("number", .bigint)]
///
///     func rows(_ query: QueryContext) -> some AsyncSequence<Row, any Error> {
///         AsyncRows((1...1_000_000).lazy.map { Row(number: $0) })
///     }
/// }
/// ```
///
/// An `AsyncStream` that is fed faster than it is read keeps what was not read yet. Make one with `init(unfolding:)`, or use
/// ``AsyncRows``.
public protocol StreamingTablePlugin: TablePlugin {
    /// The rows, each of which is encoded before the next one is asked for.
    associatedtype Rows: AsyncSequence where Rows.Element == Row

    /// The rows of a query. More than its constraints ask for may come: SQLite looks at each row again. An error that is thrown,
    /// here or by the sequence, ends the query with the error's text.
    func rows(_ query: QueryContext) async throws -> Rows
}

extension StreamingTablePlugin {
    /// All of ``rows(_:)``, for tests of a table: osqueryd's queries do not use it.
    public func generate(_ query: QueryContext) async throws -> [Row] {
        var all: [Row] = []
        for try await row in try await rows(query) { all.append(row) }
        return all
    }

    func write(_ query: QueryContext, to writer: RowWriter) async throws {
        for try await row in try await rows(query) {
            // osqueryd is gone; a sequence need not look, nor end.
            try Task.checkCancellation()
            try writer.append(row)
        }
    }
}

/// The elements of a sequence, such as a lazy one, as rows of a ``StreamingTablePlugin``.
public struct AsyncRows<Base: Sequence>: AsyncSequence {
    private let base: Base

    /// Rows that are made of `base`, one at a time.
    public init(_ base: Base) {
        self.base = base
    }

    /// Begins with the first row.
    public func makeAsyncIterator() -> Iterator { Iterator(base: base.makeIterator()) }

    /// Makes one row after the other.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var base: Base.Iterator

        /// The next row; nil after the last one.
        public mutating func next() async throws -> Base.Element? { base.next() }
    }
}
