/// How a query compares a column with a value (osquery: core/tables.h, ConstraintOperator; sqlite3.h,
/// SQLITE_INDEX_CONSTRAINT_…).
public struct ConstraintOperator: RawRepresentable, Sendable, Hashable {
    /// The number by which osquery knows the operator.
    public let rawValue: UInt8

    /// The operator that osquery knows by this number.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// SQLite's unique constraint.
    public static let unique = ConstraintOperator(rawValue: 1)
    /// `=`, and each value of an `IN`.
    public static let equals = ConstraintOperator(rawValue: 2)
    /// `>`
    public static let greaterThan = ConstraintOperator(rawValue: 4)
    /// `<=`
    public static let lessThanOrEquals = ConstraintOperator(rawValue: 8)
    /// `<`
    public static let lessThan = ConstraintOperator(rawValue: 16)
    /// `>=`
    public static let greaterThanOrEquals = ConstraintOperator(rawValue: 32)
    /// `MATCH`
    public static let match = ConstraintOperator(rawValue: 64)
    /// `LIKE`, with `%` and `_`.
    public static let like = ConstraintOperator(rawValue: 65)
    /// `GLOB`, with the patterns of glob(7).
    public static let glob = ConstraintOperator(rawValue: 66)
    /// `REGEXP`
    public static let regexp = ConstraintOperator(rawValue: 67)
}

/// What a query wants of a column. A hint: SQLite looks at each row again.
public struct Constraint: Sendable, Equatable {
    /// How the column is compared.
    public let `operator`: ConstraintOperator
    /// What the column is compared with, as it came.
    public let expression: String
    /// The same with the type that osqueryd gives the column. It is text if it is not a value of that type.
    public let value: ColumnValue

    /// A constraint, for tests of a table.
    public init(_ operator: ConstraintOperator, _ expression: String, affinity: ColumnType = .text) {
        self.operator = `operator`
        self.expression = expression
        value = ColumnValue(expression, as: affinity)
    }
}

extension ColumnValue {
    /// The value of `type` that `text` spells; text where it spells none.
    init(_ text: String, as type: ColumnType) {
        let value: ColumnValue? =
            switch type {
            case .text: .text(text)
            case .integer, .bigint: Int64(text).map(ColumnValue.integer)
            case .unsignedBigint: UInt64(text).map { ColumnValue($0) } ?? Int64(text).map(ColumnValue.integer)
            case .double: Double(text).map(ColumnValue.double)
            case .blob: .blob(Array(text.utf8))
            }
        self = value ?? .text(text)
    }
}
