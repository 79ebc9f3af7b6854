extension QueryContext {
    /// The `context` of a request, as osqueryd writes it (osquery: core/tables.cpp, setRequestFromContext).
    package var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("constraints") { json in
                json.array { json in
                    for (column, list) in constraints.sorted(by: { $0.key < $1.key }) {
                        json.object { json in
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
                            json.member("affinity") { $0.string("TEXT") }
                        }
                    }
                }
            }
            if let usedColumns {
                json.member("colsUsed") { json in
                    json.array { json in for column in usedColumns.sorted() { json.string(column) } }
                }
            }
        }
        return json.text
    }
}
