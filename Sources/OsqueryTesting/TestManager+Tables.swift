public import Osquery

extension TestManager {
    /// The columns that a table has registered; nil where no extension has registered the table.
    public func columns(of table: String) -> [Column]? {
        routes(of: table).map { RegisteredTable(table, routes: $0).columns }
    }

    /// The rows of a table, as for `SELECT *`.
    ///
    /// osqueryd silently shows NULL, or another number, for a value that its column's type does not have. Here that is an
    /// error, as is a column that the table does not declare.
    ///
    /// - Parameters:
    ///   - table: The table's name.
    ///   - query: The constraints, whose values get the types of the columns, and the columns used; all, unless it says which.
    ///   - keepingRowIDs: Whether each row has its `rowid`, too, which `SELECT *` does not show.
    /// - Throws: ``TestManagerError``.
    public func generate(
        _ table: String, _ query: QueryContext = QueryContext(), keepingRowIDs: Bool = false
    ) async throws -> [ExtensionResponse.Row] {
        let registered = try await registeredTable(table)
        try registered.check(query.constraints.keys, "A constraint on")
        try registered.check(query.usedColumns ?? [], "The list of used columns of")
        let context = query.json(for: registered.columns)
        let rows = try await succeed(.table, table, ["action": "generate", "context": context]).rows
        try registered.check(rows)
        return keepingRowIDs ? rows : rows.map { row in row.filter { $0.key != "rowid" } }
    }

    /// Inserts a row into a table, as for `INSERT INTO`.
    ///
    /// ```swift
    /// let id = try await manager.insert(["title": "milk"], into: "notes")
    /// ```
    ///
    /// - Parameters:
    ///   - row: The values. A column that it lacks is NULL, which osqueryd refuses for a column without options.
    ///   - table: The table's name.
    ///   - rowID: The row's number, where the statement gives one.
    /// - Returns: The number of the new row.
    /// - Throws: ``TestManagerError`` for a row that osqueryd does not send, and for one that the table refuses.
    @discardableResult
    public func insert(_ row: TableRow, into table: String, rowID: Int64? = nil) async throws -> Int64 {
        let registered = try await registeredTable(table)
        var request = [
            "action": "insert", "json_value_array": try registered.json(row, isUpdate: false), "auto_rowid": "false",
        ]
        if let rowID {
            request["auto_rowid"] = "true"
            request["id"] = "\(rowID)"
        }
        let answer = try await change(table, request)
        // SQLite keeps a number that it has given itself.
        if let rowID { return rowID }
        guard let id = answer["id"].flatMap({ Int64($0) }) else {
            throw TestManagerError(
                .badAnswer,
                "The table “\(table)” did not say which number the new row has: its answer needs a column “id” with an integer; "
                    + "it has \(answer).")
        }
        return id
    }

    /// Changes a row of a table, as for `UPDATE`.
    ///
    /// - Parameters:
    ///   - table: The table's name.
    ///   - rowID: Which row.
    ///   - row: The values of all columns, as osqueryd sends them; a column that it lacks becomes NULL, as for an insert.
    ///   - newRowID: The row's new number, where the statement changes that.
    /// - Throws: ``TestManagerError`` for a row that osqueryd does not send, and for one that the table refuses.
    public func update(_ table: String, rowID: Int64, to row: TableRow, newRowID: Int64? = nil) async throws {
        let registered = try await registeredTable(table)
        var request = [
            "action": "update", "id": "\(rowID)", "json_value_array": try registered.json(row, isUpdate: true),
        ]
        if let newRowID, newRowID != rowID { request["new_id"] = "\(newRowID)" }
        _ = try await change(table, request)
    }

    /// Removes a row from a table, as for `DELETE`.
    ///
    /// - Throws: ``TestManagerError`` where the table refuses.
    public func delete(from table: String, rowID: Int64) async throws {
        _ = try await registeredTable(table)
        _ = try await change(table, ["action": "delete", "id": "\(rowID)"])
    }

    private func registeredTable(_ table: String) async throws -> RegisteredTable {
        guard try await waitForRegistration() != nil else { throw TestManagerError.noExtension }
        guard let routes = routes(of: table) else {
            throw TestManagerError(
                .noSuchTable,
                "No extension has registered a table “\(table)”. Are its name and the call of register right?")
        }
        return RegisteredTable(table, routes: routes)
    }

    /// Sends a change, and reads its outcome from the row that answers it (osquery: sql/virtual_table.cpp, xUpdate).
    private func change(_ table: String, _ request: [String: String]) async throws -> ExtensionResponse.Row {
        // A change has no constraints, and osqueryd sends the context all the same.
        let request = request.merging(["context": #"{"constraints":[]}"#]) { $1 }
        let rows = try await succeed(.table, table, request).rows
        guard rows.count == 1, let status = rows[0]["status"] else {
            throw TestManagerError(
                .badAnswer,
                "The table “\(table)” answered a change with \(rows.count) rows, where osqueryd wants one with a column “status”."
            )
        }
        let action = request["action"] ?? ""
        switch status {
        case "success": return rows[0]
        case "readonly":
            throw TestManagerError(
                .readOnly, "The table “\(table)” does not take this \(action): it may not be modified.")
        case "constraint":
            throw TestManagerError(
                .constraint, "The table “\(table)” does not take this \(action): a constraint failed.")
        case "failure":
            throw TestManagerError(
                .changeFailed,
                "The \(action) failed in the table “\(table)”: \(rows[0]["message"] ?? "It does not say why.")")
        default:
            throw TestManagerError(
                .badAnswer, "The table “\(table)” answered with the status “\(status)”, which osqueryd does not know.")
        }
    }
}
