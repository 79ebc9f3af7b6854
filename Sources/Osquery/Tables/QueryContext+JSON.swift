extension QueryContext {
    /// The `context` of a request, as osqueryd writes it (osquery: sql/virtual_table.cpp, xFilter; core/tables.cpp,
    /// setRequestFromContext): each column is in `constraints`, with its type, and a query whose columns are not known uses all.
    package func json(for columns: [Column]) -> String {
        let used = usedColumns ?? Set(columns.map(\.name))
        var types: [String: String] = [:]
        for column in columns {
            types[column.name] = column.type.rawValue
            for alias in column.aliases { types[alias] = "UNKNOWN" }
        }
        var json = JSONWriter()
        json.object { json in
            json.member("constraints") { json in
                json.array { json in
                    for (name, type) in types.sorted(by: { $0.key < $1.key }) {
                        json.constraints(self[name], on: name, type)
                    }
                }
            }
            json.member("colsUsed") { json in
                json.array { json in for name in used.sorted() { json.string(name) } }
            }
            json.member("colsUsedBitset") { json in
                // The last bit is for all columns from the 64th on.
                json.number(
                    columns.indices.reduce(into: UInt64(0)) { bits, index in
                        if used.contains(columns[index].name) { bits |= 1 << UInt64(min(index, 63)) }
                    })
            }
        }
        return json.text
    }
}

extension JSONWriter {
    /// An element of `constraints` (osquery: core/tables.cpp, ConstraintList::serialize).
    fileprivate mutating func constraints(_ list: [Constraint], on column: String, _ type: String) {
        object { json in
            json.member("name") { $0.string(column) }
            json.member("list") { json in
                json.array { json in
                    for constraint in list {
                        json.object { json in
                            json.member("op") { $0.number(constraint.operator.rawValue) }
                            json.member("expr") { $0.string(constraint.expression) }
                        }
                    }
                }
            }
            json.member("affinity") { $0.string(type) }
        }
    }
}
