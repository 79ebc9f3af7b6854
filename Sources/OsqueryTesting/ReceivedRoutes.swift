import Osquery
import Thrift

/// What an extension has registered: the route info of each plugin, by registry and name (osquery.thrift: ExtensionRegistry).
struct ReceivedRoutes: Sendable {
    private var routes: [String: [String: [ExtensionResponse.Row]]] = [:]

    init() {}

    init(from reader: inout ThriftReader) throws(ThriftError) {
        try reader.readMap(from: .string, to: .map) { (reader) throws(ThriftError) in
            let registry = try reader.readString()
            try reader.readMap(from: .string, to: .list) { (reader) throws(ThriftError) in
                let plugin = try reader.readString()
                routes[registry, default: [:]][plugin] = try reader.readRows()
            }
        }
    }

    /// The registry and the name of each plugin.
    var plugins: [(registry: String, name: String)] {
        routes.flatMap { registry, plugins in plugins.keys.map { (registry, $0) } }
    }

    /// A plugin's route info; nil where the extension has no such plugin.
    subscript(registry: String, plugin: String) -> [ExtensionResponse.Row]? {
        routes[registry]?[plugin]
    }
}
