/// Where live queries come from and their results go, to be named by osqueryd's `--distributed_plugin`.
///
/// osqueryd asks each `--distributed_interval` seconds (osquery: distributed/distributed.cpp).
public protocol DistributedPlugin: ExtensionPlugin {
    /// The queries that are to be run now. Each is run once for each time that it is returned.
    func getQueries() async throws -> DistributedQueries

    /// Takes the results of queries that ``getQueries()`` returned.
    func writeResults(_ results: [DistributedResult]) async throws
}

extension DistributedPlugin {
    /// The registry that osqueryd has the plugin in.
    public static var registry: PluginRegistry { .distributed }

    /// Answers osqueryd's requests by calling the functions above.
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        switch request["action"]?.description {
        case "getQueries":
            return ExtensionResponse(rows: [["results": try await getQueries().json]])
        case "writeResults":
            guard let text = request["results"] else {
                return .failure("The distributed plugin “\(name)” is given results without “results”.")
            }
            try await writeResults(try DistributedResult.results(text))
            return ExtensionResponse()
        case let action:
            return .failure(
                "The distributed plugin “\(name)” knows no action “\(action ?? "")”; it knows getQueries and writeResults."
            )
        }
    }
}

/// Queries for osqueryd to run.
public struct DistributedQueries: Sendable, Equatable {
    /// SQL by a name that its result comes back under.
    public var queries: [String: String]
    /// SQL by the names of queries: the query of that name is run only if this returns rows.
    public var discovery: [String: String]
    /// For how many seconds osqueryd is to ask more often than its interval says.
    public var accelerate: Int?

    /// Queries; none, unless said otherwise.
    public init(queries: [String: String] = [:], discovery: [String: String] = [:], accelerate: Int? = nil) {
        self.queries = queries
        self.discovery = discovery
        self.accelerate = accelerate
    }

    /// The text that osqueryd reads. Without discovery queries there is no member of that name: with an empty one osqueryd
    /// would run none.
    var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("queries") { $0.object(queries) }
            if !discovery.isEmpty { json.member("discovery") { $0.object(discovery) } }
            if let accelerate { json.member("accelerate") { $0.number(accelerate) } }
        }
        return json.text
    }
}
