/// A table whose rows can be inserted, updated and deleted.
///
/// SQLite tells rows apart by a number: each row that ``TablePlugin/generate(_:)`` returns needs it as a column `rowid`, which
/// is not declared. Throw ``RowChangeError`` to refuse a change; another error ends the statement with its text. See
/// <doc:WriteAWritableTable>.
public protocol WritableTablePlugin: TablePlugin {
    /// Adds a row.
    ///
    /// - Parameters:
    ///   - row: A value for each column. One that the statement does not name is NULL, if its options allow that: osqueryd refuses NULL in a
    ///     column whose options are none, only ``ColumnOptions/index`` or only ``ColumnOptions/required``, and does not call the table.
    ///   - rowID: The number for the row, where the statement gives one.
    /// - Returns: The row's number.
    func insert(_ row: TableRow, rowID: Int64?) async throws -> Int64

    /// Changes a row.
    ///
    /// - Parameters:
    ///   - rowID: Which row.
    ///   - row: The new values of all columns. What osqueryd refuses in an insert, it refuses here, also in columns that do not change.
    ///   - newRowID: The row's new number, where the statement changes that.
    func update(rowID: Int64, to row: TableRow, newRowID: Int64?) async throws

    /// Removes a row.
    func delete(rowID: Int64) async throws
}

extension WritableTablePlugin {
    /// Answers a change. Its outcome stands in a row and the status is 0 in any case: osqueryd gives SQLite the text of a
    /// row, and drops that of a status (osquery: sql/virtual_table.cpp, xUpdate).
    func change(_ request: RowChangeRequest) async -> ExtensionResponse {
        do {
            switch request.action {
            case "insert":
                let row = try request.row
                let id = try await insert(row, rowID: request.isRowIDGiven ? try request.rowID : nil)
                return ExtensionResponse(rows: [["status": "success", "id": "\(id)"]])
            case "update":
                try await update(rowID: try request.rowID, to: try request.row, newRowID: request.newRowID)
            default:
                try await delete(rowID: try request.rowID)
            }
            return ExtensionResponse(rows: [["status": "success"]])
        } catch let error as RowChangeError {
            return ExtensionResponse(rows: [["status": error.status]])
        } catch {
            return ExtensionResponse(rows: [["status": "failure", "message": error.text]])
        }
    }
}

/// A request to change a row (osquery: sql/virtual_table.cpp, xUpdate).
struct RowChangeRequest: Sendable {
    private let request: PluginRequest
    private let columns: [Column]

    init(_ request: PluginRequest, columns: [Column]) {
        self.request = request
        self.columns = columns
    }

    var action: String { request["action"]?.description ?? "" }

    /// The number of the row.
    var rowID: Int64 {
        get throws(TableError) {
            guard let id = request["id"].flatMap({ Int64($0.description) }) else {
                throw .badRequest("“id” is \(request["id"]?.description ?? "missing") where a row's number is expected")
            }
            return id
        }
    }

    /// Whether an insert says which number the row gets.
    var isRowIDGiven: Bool { request["auto_rowid"]?.description == "true" }

    var newRowID: Int64? { request["new_id"].flatMap { Int64($0.description) } }

    /// The values, which come in the order of the columns.
    var row: TableRow {
        get throws(TableError) {
            guard let text = request["json_value_array"], let values = JSONElement(text.slice)?.elements else {
                throw .badRequest("“json_value_array” is no JSON array")
            }
            guard values.count >= columns.count else {
                throw .badRequest("“json_value_array” has \(values.count) values for \(columns.count) columns")
            }
            var row = TableRow()
            for (column, value) in zip(columns, values) {
                row[column.name] = value.string.map { ColumnValue($0, as: column.type) } ?? .null
            }
            return row
        }
    }
}
