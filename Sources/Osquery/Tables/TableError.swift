/// Why a table could not do what osqueryd asks for.
public enum TableError: Error, Equatable, CustomStringConvertible {
    /// The request is none of osqueryd's; the text goes on behind “The request is not understood: ”.
    case badRequest(String)
    /// A value is no row; the text says why, as a sentence.
    case notARow(String)
    /// A row has a column that the table does not declare.
    case unknownColumn(String, table: String, known: [String])
    /// ``TablePlugin/primaryKey`` names a column that the table does not declare.
    case unknownKeyColumn(String, table: String, known: [String])

    /// What went wrong, as a sentence.
    public var description: String {
        switch self {
        case .badRequest(let why): "The request is not understood: \(why)."
        case .notARow(let why): why
        case .unknownColumn(let column, let table, let known):
            "A row of the table “\(table)” has a column “\(column)”, which the table does not declare; it declares "
                + known.joined(separator: ", ") + "."
        case .unknownKeyColumn(let column, let table, let known):
            "The primary key of the table “\(table)” names a column “\(column)”, which the table does not declare; it declares "
                + known.joined(separator: ", ") + "."
        }
    }
}

/// How a writable table refuses a change.
public enum RowChangeError: Error, Equatable, CustomStringConvertible {
    /// The table, or this row, may not be changed.
    case readOnly
    /// The change breaks a constraint of the table.
    case constraint

    /// What went wrong, as a sentence.
    public var description: String {
        switch self {
        case .readOnly: "The row may not be changed."
        case .constraint: "The change breaks a constraint of the table."
        }
    }
}
