/// What a table may know of the query that it generates rows for.
public struct QueryContext: Sendable {
    /// The constraints on each column that has any.
    public let constraints: [String: [Constraint]]
    /// The columns that the query looks at; nil where osqueryd does not tell, which means all of them.
    public let usedColumns: Set<String>?

    /// A context, for tests of a table.
    public init(constraints: [String: [Constraint]] = [:], usedColumns: Set<String>? = nil) {
        self.constraints = constraints
        self.usedColumns = usedColumns
    }

    /// The constraints on a column. All of them hold, except that several with ``ConstraintOperator/equals`` may be the values of an `IN`, of
    /// which one holds.
    public subscript(column: String) -> [Constraint] {
        constraints[column] ?? []
    }

    /// What a column is compared with by an operator.
    ///
    /// The values of an `IN` arrive one per call if the column has ``ColumnOptions/index``, and all in one call if it has
    /// ``ColumnOptions/optimized`` as well. A table without an index on the column does not get them
    /// (osquery: sql/virtual_table.cpp, xBestIndex).
    public func expressions(of column: String, _ operator: ConstraintOperator = .equals) -> [String] {
        self[column].filter { $0.operator == `operator` }.map(\.expression)
    }

    /// The same as numbers. Whatever is not a number of this type is left out.
    public func numbers<Number: FixedWidthInteger>(
        of column: String, _ operator: ConstraintOperator = .equals, as type: Number.Type = Number.self
    ) -> [Number] {
        expressions(of: column, `operator`).compactMap { Number($0) }
    }

    /// Whether the query looks at a column: one that costs much need not be filled otherwise.
    public func uses(_ column: String) -> Bool {
        usedColumns?.contains(column) ?? true
    }

    /// Reads the `context` of a request (osquery: core/tables.cpp, TablePlugin::setRequestFromContext). An empty list of
    /// constraints was `""` in older versions, and `op` a string.
    init(_ context: RequestValue?) throws(TableError) {
        guard let context else {
            self.init()
            return
        }
        guard let root = JSONElement(context.slice), let members = root.members else {
            throw .badRequest("its context is no JSON object: \(context.description.prefix(200))")
        }
        var constraints: [String: [Constraint]] = [:]
        var usedColumns: Set<String>?
        for (name, value) in members {
            switch name {
            case "constraints":
                for column in value.elements ?? [] {
                    guard let name = column["name"]?.string else { continue }
                    let list = column.constraints
                    if !list.isEmpty { constraints[name] = list }
                }
            case "colsUsed":
                usedColumns = value.elements.map { Set($0.compactMap(\.string)) }
            default:
                break
            }
        }
        self.init(constraints: constraints, usedColumns: usedColumns)
    }
}

extension JSONElement {
    /// The constraints that an element of `constraints` holds.
    fileprivate var constraints: [Constraint] {
        let affinity = self["affinity"]?.string.flatMap(ColumnType.init(rawValue:)) ?? .text
        return (self["list"]?.elements ?? []).compactMap { element in
            guard let code = element["op"]?.integer.flatMap(UInt8.init(exactly:)) else { return nil }
            return Constraint(
                ConstraintOperator(rawValue: code), element["expr"]?.string ?? "", affinity: affinity)
        }
    }
}
