import Osquery

/// A table as an extension has registered it (osquery: sql/virtual_table.cpp, attachTableInternal).
struct RegisteredTable {
    let name: String
    let columns: [Column]

    init(_ name: String, routes: [ExtensionResponse.Row]) {
        self.name = name
        var aliases: [String: [String]] = [:]
        for route in routes where route["id"] == "columnAlias" {
            if let alias = route["name"], let target = route["target"] { aliases[target, default: []].append(alias) }
        }
        columns = routes.compactMap { route in
            guard route["id"] == "column", let name = route["name"],
                let type = route["type"].flatMap(ColumnType.init(rawValue:))
            else { return nil }
            let options = ColumnOptions(rawValue: route["op"].flatMap { Int($0) } ?? 0)
            return Column(name, type, options, aliases: aliases[name] ?? [])
        }
    }

    /// Throws where one of `names` is not a column.
    ///
    /// - Parameter subject: What names the columns, as the beginning of a sentence.
    func check(_ names: some Sequence<String>, _ subject: String) throws(TestManagerError) {
        let known = Set(columns.flatMap { [$0.name] + $0.aliases })
        guard let name = names.sorted().first(where: { !known.contains($0) }) else { return }
        throw TestManagerError(
            .unknownColumn,
            "\(subject) the table “\(self.name)” names a column “\(name)”, which the table does not declare; it declares "
                + columns.map(\.name).joined(separator: ", ") + ".")
    }

    /// Throws where osqueryd would show something else than what the rows say.
    func check(_ rows: [ExtensionResponse.Row]) throws(TestManagerError) {
        for (index, row) in rows.enumerated() {
            // SQLite numbers rows by it; it is not declared.
            try check(row.keys.lazy.filter { $0 != "rowid" }, "Row \(index + 1) of")
            for column in columns {
                guard let value = row[column.name], let reading = column.type.misreading(of: value) else { continue }
                throw TestManagerError(
                    .wrongValue,
                    "Row \(index + 1) of the table “\(name)” has the value “\(value.prefix(200))” in the column "
                        + "“\(column.name)”, whose type is \(column.type.rawValue): osqueryd makes \(reading) of it.")
            }
            if let value = row["rowid"], Int64(value) == nil {
                throw TestManagerError(
                    .wrongValue,
                    "Row \(index + 1) of the table “\(name)” has the rowid “\(value.prefix(200))”, which is not a 64-bit "
                        + "integer: osqueryd ends the query with an error.")
            }
        }
    }
}
