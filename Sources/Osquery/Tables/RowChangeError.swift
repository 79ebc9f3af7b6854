/// How a writable table refuses a change.
///
/// ```swift
/// guard note.count > 0 else { throw RowChangeError.constraint }
/// ```
public struct RowChangeError: Error, Hashable, CustomStringConvertible {
    /// What osqueryd calls the refusal (osquery: sql/virtual_table.cpp, xUpdate).
    let status: String
    /// What went wrong, as a sentence.
    public let description: String

    /// The table, or this row, may not be changed.
    public static let readOnly = RowChangeError(status: "readonly", description: "The row may not be changed.")
    /// The change breaks a constraint of the table.
    public static let constraint = RowChangeError(
        status: "constraint", description: "The change breaks a constraint of the table.")
}
