/// A table that queries can be made of: columns, and a function that returns the rows.
///
/// ```swift
/// struct Planets: TablePlugin {
///     struct Row: Encodable { var name: String; var moons: Int }
///
///     let name = "planets"
///     let columns = [Column("name", .text, .index), Column("moons", .integer)]
///
///     func generate(_ query: QueryContext) async throws -> [Row] {
///         [Row(name: "Earth", moons: 1), Row(name: "Mars", moons: 2)]
///     }
/// }
/// ```
///
/// An error that is thrown ends the query with the error's text.
public protocol TablePlugin: ExtensionPlugin {
    /// A row: a value whose properties are named after the columns, or ``TableRow`` where they are known at run time only. The
    /// column `main_pid` may be a property `mainPid`.
    ///
    /// Properties may be strings, numbers, truth values, bytes (`[UInt8]`, `Data`), enums with such raw values, `Date` (seconds
    /// since 1970), `URL`, `UUID`, `Decimal`, and optionals of all these. What is nil, NaN or not there is NULL.
    associatedtype Row: Encodable

    /// The columns, in the order in which `SELECT *` shows them.
    var columns: [Column] { get }
    /// Other names for the table.
    var aliases: [String] { get }
    /// What osqueryd may know of the table; nothing, unless said otherwise.
    var attributes: TableAttributes { get }
    /// The columns that identify a row; empty where it takes all of them.
    ///
    /// SQLite looks rows up more than once for `WHERE a = 1 OR b = 2`, and returns a row once that it has found twice. It compares
    /// the column `rowid` for that, which each row gets: a number made of these columns. Name them if others change from
    /// one moment to the next, such as a counter, and fill them in every row, whatever ``QueryContext/uses(_:)`` says. A row
    /// that has a `rowid` of its own keeps it.
    var primaryKey: [String] { get }

    /// Returns the rows. They may be more than the query's constraints ask for: SQLite looks at each row again.
    func generate(_ query: QueryContext) async throws -> [Row]
}

extension TablePlugin {
    /// The registry that osqueryd has the plugin in.
    public static var registry: PluginRegistry { .table }

    /// None.
    public var aliases: [String] { [] }
    /// None.
    public var attributes: TableAttributes { [] }
    /// None: two rows differ if one of their values does.
    public var primaryKey: [String] { [] }

    /// The route info that osqueryd makes the table's SQL from (osquery: core/tables.cpp, TablePlugin::routeInfo).
    public var routes: [ExtensionResponse.Row] {
        var routes = columns.map { column in
            ["id": "column", "name": column.name, "type": column.type.rawValue, "op": "\(column.options.rawValue)"]
        }
        routes += aliases.map { ["id": "alias", "alias": $0] }
        routes += columns.flatMap { column in
            column.aliases.map { ["id": "columnAlias", "name": $0, "target": column.name] }
        }
        return routes + [["id": "attributes", "attributes": "\(attributes.rawValue)"]]
    }

    /// Answers osqueryd's requests by calling the functions above.
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        guard let action = request["action"] else {
            return .failure("The table “\(name)” knows no request without “action”; this one has \(request.keys).")
        }
        switch action.description {
        case "generate":
            let writer = try RowWriter(for: self)
            try await write(try QueryContext(request["context"]), to: writer)
            return writer.finish()
        case "columns":
            return ExtensionResponse(rows: routes)
        case "insert", "update", "delete":
            guard let table = self as? any WritableTablePlugin else {
                return ExtensionResponse(rows: [["status": "readonly"]])
            }
            return await table.change(RowChangeRequest(request, columns: columns))
        default:
            return .failure(
                "The table “\(name)” knows no action “\(action)”; it knows generate, columns, insert, update and delete."
            )
        }
    }

    /// Generates rows and writes them. They are gone when this returns.
    private func write(_ query: QueryContext, to writer: RowWriter) async throws {
        if let table = self as? any StreamingTablePlugin {
            try await table.write(query, to: writer)
        } else {
            for row in try await generate(query) { try writer.append(row) }
        }
    }
}
