extension [any ExtensionPlugin] {
    /// Refuses plugins that osqueryd would take and then serve wrongly, or not at all.
    package func checkNames() throws(PluginError) {
        var taken: Set<[String]> = []
        for plugin in self {
            let registry = type(of: plugin).registry.rawValue
            let table = plugin as? any TablePlugin
            guard !plugin.name.isEmpty else {
                throw PluginError(
                    code: .invalidName,
                    description: "A \(registry) plugin (\(type(of: plugin))) has an empty name. Give it one.")
            }
            for name in [plugin.name] + (table?.aliases ?? []) {
                guard taken.insert([registry, name]).inserted else {
                    throw PluginError(
                        code: .duplicateName,
                        description: "Two \(registry) plugins are named “\(name)”. Rename one of them.")
                }
            }
            try table?.checkNames()
        }
    }
}

extension TablePlugin {
    /// SQLITE_MAX_COLUMN (sqlite.org/limits.html), which osquery leaves as it is.
    private static var maximumColumnCount: Int { 2000 }

    /// Checks the names that become SQL (osquery: core/tables.cpp, columnDefinition; sql/virtual_table.cpp, xCreate).
    ///
    /// osqueryd puts a table's name into `CREATE TABLE` as it is, and a column's between backticks. Names that make no SQL, and
    /// columns that SQLite takes for the same, leave a table registered that no query can use. Upper case is accepted; but
    /// SQLite finds a column in any case, and osqueryd's rows and constraints only in one.
    fileprivate func checkNames() throws(PluginError) {
        for name in [name] + aliases where !name.isPlainName || name.first?.isNumber == true {
            throw PluginError(
                code: .invalidName,
                description:
                    "The name “\(name)” of a table cannot be used in SQL. \(String.plainNameRule), with a letter first."
            )
        }
        if let name = ([name] + aliases).first(where: SQLKeywords.reserved.contains) {
            throw PluginError(
                code: .invalidName,
                description: "The name “\(name)” of a table is a keyword of SQL. Give the table another name.")
        }
        if let name = ([name] + aliases).first(where: { $0.hasPrefix("sqlite_") }) {
            throw PluginError(
                code: .invalidName,
                description:
                    "The name “\(name)” of a table begins with “sqlite_”, which SQLite keeps for itself. Rename it.")
        }
        guard (1...Self.maximumColumnCount).contains(columns.count) else {
            throw PluginError(
                code: .invalidColumn,
                description:
                    "The table “\(self.name)” has \(columns.count) columns. SQLite takes 1 to \(Self.maximumColumnCount)."
            )
        }
        var taken: Set<String> = []
        for column in columns {
            for name in [column.name] + column.aliases {
                try check(name, of: column)
                guard taken.insert(name).inserted else {
                    throw PluginError(
                        code: .duplicateColumn,
                        description:
                            "The table “\(self.name)” declares the column “\(name)” twice. Rename or remove one, "
                            + "be it a column or an alias.")
                }
            }
        }
        let known = columns.map(\.name)
        if let column = primaryKey.first(where: { !known.contains($0) }) {
            throw PluginError(
                code: .unknownKeyColumn,
                description: TableError.unknownKeyColumn(column, table: name, known: known).description)
        }
        try checkProperties(known)
    }

    /// Rows that can also be decoded tell their properties before there is one; of others the first row tells.
    private func checkProperties(_ known: [String]) throws(PluginError) {
        guard let row = Row.self as? any Decodable.Type, Row.self != TableRow.self else { return }
        for property in RowKeyProbe.keys(of: row) where property != RowNumbers.column && !known.contains(property) {
            let column = property.snakeCased
            guard known.contains(column) else {
                throw PluginError(
                    code: .unknownColumn,
                    description: TableError.unknownColumn(column, property: property, table: name, known: known)
                        .description)
            }
        }
    }

    private func check(_ name: String, of column: Column) throws(PluginError) {
        let which = name == column.name ? "a column" : "an alias of the column “\(column.name)”"
        guard name.isPlainName else {
            throw PluginError(
                code: .invalidColumn,
                description: "The table “\(self.name)” has \(which) named “\(name)”. \(String.plainNameRule)"
                    + (name.snakeCased.isPlainName ? ": “\(name.snakeCased)”." : "."))
        }
        // A declared one would hide the number from queries, and take part in rows of which it is no number.
        guard name != RowNumbers.column else {
            throw PluginError(
                code: .invalidColumn,
                description: "The table “\(self.name)” declares \(which) named “rowid”, which SQLite numbers rows by. "
                    + "Rows may have a “rowid” without a declaration; give a column to be shown another name.")
        }
    }
}

extension String {
    fileprivate static let plainNameRule = "Name it with lower-case letters a to z, digits and underscores"

    /// Whether this is a name as osquery's own tables and columns have.
    fileprivate var isPlainName: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }
}
