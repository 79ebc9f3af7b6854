import Thrift

/// The kinds of plugin that an extension can have, by their names in osquery's registry.
public enum PluginRegistry: String, Sendable, CaseIterable {
    /// Sources of osqueryd's configuration: ``ConfigPlugin``.
    case config
    /// Sources of live queries: ``DistributedPlugin``.
    case distributed
    /// Loggers: ``LoggerPlugin``.
    case logger
    /// Tables: ``TablePlugin``.
    case table
}

/// What an extension registers: for each kind of plugin the names, and for each name its route info
/// (osquery.thrift: ExtensionRegistry). A table's route info are its columns; loggers have none.
struct RegistryRoutes: Sendable, Equatable {
    var routes: [String: [String: [ExtensionResponse.Row]]] = [:]

    init(_ plugins: [any ExtensionPlugin]) {
        for plugin in plugins {
            routes[type(of: plugin).registry.rawValue, default: [:]][plugin.name] = plugin.routes
        }
    }

    func write(to writer: inout ThriftWriter) {
        writer.writeMapHeader(from: .string, to: .map, count: routes.count)
        for (registry, plugins) in routes {
            writer.writeString(registry)
            writer.writeMapHeader(from: .string, to: .list, count: plugins.count)
            for (name, rows) in plugins {
                writer.writeString(name)
                writer.writeRows(rows)
            }
        }
    }
}
