/// Why a table could not do what osqueryd asks for.
public struct TableError: Error, Equatable, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// The request is not one of osqueryd's.
        public static let badRequest = Code(description: "badRequest")
        /// A value cannot be a row.
        public static let notARow = Code(description: "notARow")
        /// A row has a column that the table does not declare.
        public static let unknownColumn = Code(description: "unknownColumn")
        /// ``TablePlugin/primaryKey`` names a column that the table does not declare.
        public static let unknownKeyColumn = Code(description: "unknownKeyColumn")
    }

    /// The kind of failure.
    public let code: Code
    /// What went wrong, as a sentence.
    public let description: String

    /// - Parameter why: What is wrong with the request, as the end of a sentence.
    static func badRequest(_ why: String) -> TableError {
        TableError(code: .badRequest, description: "The request is not understood: \(why).")
    }

    /// - Parameter why: Why a value cannot be a row, as a sentence.
    static func notARow(_ why: String) -> TableError {
        TableError(code: .notARow, description: why)
    }

    /// - Parameter property: The property of a row that the column's name is made of.
    static func unknownColumn(_ column: String, property: String, table: String, known: [String]) -> TableError {
        let what = property == column ? "a column “\(column)”" : "a property “\(property)” for a column “\(column)”"
        return TableError(
            code: .unknownColumn,
            description:
                "A row of the table “\(table)” has \(what), which the table does not declare; it declares "
                + known.joined(separator: ", ") + ".")
    }

    static func unknownKeyColumn(_ column: String, table: String, known: [String]) -> TableError {
        TableError(
            code: .unknownKeyColumn,
            description:
                "The primary key of the table “\(table)” names a column “\(column)”, which the table does not declare; it declares "
                + known.joined(separator: ", ") + ".")
    }
}
