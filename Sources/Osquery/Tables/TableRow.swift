/// A row made of values whose columns are only known at run time.
///
/// ```swift
/// let row: TableRow = ["name": "sshd", "pid": 812]
/// ```
///
/// A column that the row lacks is NULL. The column `rowid`, which needs no declaration, is how a writable table's rows are
/// told apart.
public struct TableRow: Sendable, Equatable, Encodable, ExpressibleByDictionaryLiteral {
    private(set) var values: [(column: String, value: ColumnValue)] = []

    /// A row without values.
    public init() {}

    /// A row of columns and their values.
    public init(dictionaryLiteral elements: (String, ColumnValue)...) {
        for (column, value) in elements { self[column] = value }
    }

    /// The value of a column; nil where the row has none.
    public subscript(column: String) -> ColumnValue? {
        get { values.first { $0.column == column }?.value }
        set {
            let index = values.firstIndex { $0.column == column }
            switch (index, newValue) {
            case (let index?, let value?): values[index].value = value
            case (let index?, nil): values.remove(at: index)
            case (nil, let value?): values.append((column, value))
            case (nil, nil): break
            }
        }
    }

    /// The columns that have values, in the order in which they were set.
    public var columns: [String] { values.map(\.column) }

    /// Whether two rows have the same values, in whatever order.
    public static func == (one: TableRow, other: TableRow) -> Bool {
        one.values.count == other.values.count && one.values.allSatisfy { other[$0.column] == $0.value }
    }

    /// Encodes the row as an object.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: ColumnKey.self)
        for (column, value) in values {
            let key = ColumnKey(column)
            switch value {
            case .null: try container.encodeNil(forKey: key)
            case .text(let value): try container.encode(value, forKey: key)
            case .integer(let value): try container.encode(value, forKey: key)
            case .unsigned(let value): try container.encode(value, forKey: key)
            case .double(let value): try container.encode(value, forKey: key)
            case .blob(let value): try container.encode(value, forKey: key)
            }
        }
    }
}

/// A coding key of any name.
struct ColumnKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
