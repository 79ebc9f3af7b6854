/// The result of a live query.
public struct DistributedResult: Sendable, Equatable {
    /// What a query cost (osquery: distributed/distributed.cpp, DistributedQueryResult).
    public struct Statistics: Sendable, Equatable {
        /// How long the query took.
        public var wallTimeMilliseconds: Int64
        /// CPU time in user mode.
        public var userTimeMilliseconds: Int64
        /// CPU time in the kernel.
        public var systemTimeMilliseconds: Int64
        /// Bytes by which osqueryd grew.
        public var memory: Int64

        /// What a query cost.
        public init(
            wallTimeMilliseconds: Int64 = 0, userTimeMilliseconds: Int64 = 0, systemTimeMilliseconds: Int64 = 0,
            memory: Int64 = 0
        ) {
            self.wallTimeMilliseconds = wallTimeMilliseconds
            self.userTimeMilliseconds = userTimeMilliseconds
            self.systemTimeMilliseconds = systemTimeMilliseconds
            self.memory = memory
        }
    }

    /// The query's name.
    public var name: String
    /// 0, or why the query failed: SQLite's code, mostly 1.
    public var status: Int64
    /// What went wrong; empty where nothing did, or where osqueryd is too old to tell.
    public var message: String
    /// What the query returned. A byte that is not UTF-8 is the text `\xNN`, as in differential results.
    public var rows: [ExtensionResponse.Row]
    /// Nil where osqueryd is too old to tell.
    public var statistics: Statistics?

    /// A result, for tests of a plugin.
    public init(
        name: String, status: Int64 = 0, message: String = "", rows: [ExtensionResponse.Row] = [],
        statistics: Statistics? = nil
    ) {
        self.name = name
        self.status = status
        self.message = message
        self.rows = rows
        self.statistics = statistics
    }

    /// Reads the `results` of a request: `queries`, `statuses`, `messages` and `stats`, each by the names of queries. A query
    /// without rows may have `""` for them; numbers may be strings. In order of the names.
    static func results(_ text: RequestValue) throws(DistributedError) -> [DistributedResult] {
        guard let root = JSONElement(text.slice.escapingInvalidUTF8), root.members != nil else {
            throw .badResults(text.description)
        }
        var results: [String: DistributedResult] = [:]
        func update(_ member: String, _ set: (inout DistributedResult, JSONElement) -> Void) {
            for (name, value) in root[member]?.members ?? [] {
                set(&results[name, default: DistributedResult(name: name)], value)
            }
        }
        update("queries") { $0.rows = ($1.elements ?? []).map(\.row) }
        update("statuses") { $0.status = $1.integer ?? 0 }
        update("messages") { $0.message = $1.string ?? "" }
        update("stats") { $0.statistics = Statistics($1) }
        return results.values.sorted { $0.name < $1.name }
    }
}

extension DistributedResult.Statistics {
    fileprivate init(_ element: JSONElement) {
        self.init(
            wallTimeMilliseconds: element["wall_time_ms"]?.integer ?? 0,
            userTimeMilliseconds: element["user_time"]?.integer ?? 0,
            systemTimeMilliseconds: element["system_time"]?.integer ?? 0,
            memory: element["memory"]?.integer ?? 0)
    }
}

extension JSONElement {
    /// A row: an object of strings. A number stands for its text, null for a column that is not there.
    fileprivate var row: ExtensionResponse.Row {
        var row: ExtensionResponse.Row = [:]
        for (column, value) in members ?? [] { row[column] = value.string }
        return row
    }
}

/// Why results cannot be taken.
public struct DistributedError: Error, Equatable, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// What osqueryd sent as results is not a JSON object.
        public static let badResults = Code(description: "badResults")
    }

    /// The kind of failure.
    public let code: Code
    /// What went wrong, as a sentence.
    public let description: String

    static func badResults(_ text: String) -> DistributedError {
        DistributedError(code: .badResults, description: "The results are not a JSON object: \(text.prefix(200))")
    }
}
