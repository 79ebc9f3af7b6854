import Osquery

extension RegisteredTable {
    /// The `json_value_array` of a change: a value for each column, those of aliases last. SQLite has NULL for an alias in
    /// an insert, and the column's value in an update.
    ///
    /// osqueryd refuses what SQLite has not in the type of its column (osquery: sql/virtual_table.cpp, serializeUpdateParameters).
    func json(_ row: TableRow, isUpdate: Bool) throws(TestManagerError) -> String {
        try check(row.columns, "A change of")
        for column in columns {
            let value = row[column.name] ?? .null
            guard let problem = column.refusal(of: value) else { continue }
            throw TestManagerError(
                .wrongValue,
                "osqueryd does not send \(value) in the column “\(column.name)” of the table “\(name)”: \(problem).")
        }
        var json = JSONWriter()
        json.array { json in
            for column in columns { json.value(row[column.name] ?? .null) }
            for column in columns {
                for _ in column.aliases { json.value(isUpdate ? row[column.name] ?? .null : .null) }
            }
        }
        return json.text
    }
}

extension Column {
    /// Why osqueryd does not send a value in a change of this column, as a clause; nil where it does.
    fileprivate func refusal(of value: ColumnValue) -> String? {
        let isRightType =
            switch value {
            case .null: true
            case .text: type == .text
            case .integer: type == .integer || type == .bigint || type == .unsignedBigint
            case .unsigned: false
            case .double: type == .double
            case .blob: type == .blob
            }
        guard isRightType else { return "the column's type is \(type.rawValue) (SQLITE_MISMATCH)" }
        switch value {
        // An extension's column without options is an index (--extensions_default_index).
        case .null where options.isEmpty || options == .index || options == .required:
            return
                "only a column with another option than index and required, such as optimized, can be NULL (SQLITE_MISMATCH)"
        case .double(let number) where !number.isFinite:
            return "JSON has no such number"
        case .blob(let bytes) where String(validating: bytes, as: UTF8.self) == nil:
            return "the stand-in sends only blobs that are UTF-8"
        default:
            return nil
        }
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ value: ColumnValue) {
        switch value {
        case .null: null()
        case .text(let text): string(text)
        case .integer(let number): self.number(number)
        case .unsigned(let number): self.number(number)
        case .double(let number): self.number(number)
        case .blob(let bytes): string(String(decoding: bytes, as: UTF8.self))
        }
    }
}
