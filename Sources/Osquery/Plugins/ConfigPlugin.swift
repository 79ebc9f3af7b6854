/// Where osqueryd's configuration comes from, to be named by its `--config_plugin`.
///
/// osqueryd asks when it starts, and again each `--config_refresh` seconds. After an error the configuration stays as it was, at the start
/// there is none, and osqueryd asks again after `--config_accelerated_refresh` (300 s). A text that osqueryd cannot parse stops its schedule
/// (osquery: config/config.cpp, Config::refresh, updateSource).
public protocol ConfigPlugin: ExtensionPlugin {
    /// The configuration: JSON texts by the names of their sources. osqueryd merges them in the order of the names.
    func genConfig() async throws -> [String: String]

    /// A pack that the configuration names, as JSON text.
    ///
    /// - Parameters:
    ///   - name: The pack's name.
    ///   - value: What the configuration has in place of the pack: the plugin's own way to say where it is.
    func genPack(name: String, value: String) async throws -> String
}

extension ConfigPlugin {
    /// The registry that osqueryd has the plugin in.
    public static var registry: PluginRegistry { .config }

    /// There are no packs, unless said otherwise.
    public func genPack(name: String, value: String) async throws -> String {
        throw ConfigError.noPacks(plugin: self.name, pack: name)
    }

    /// Answers osqueryd's requests by calling the functions above.
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        switch request["action"]?.description {
        case "genConfig":
            return ExtensionResponse(rows: [try await genConfig()])
        case "genPack":
            guard let pack = request["name"]?.description else {
                return .failure("The config plugin “\(name)” is asked for a pack without a name.")
            }
            return ExtensionResponse(rows: [
                [pack: try await genPack(name: pack, value: request["value"]?.description ?? "")]
            ])
        case let action:
            return .failure(
                "The config plugin “\(name)” knows no action “\(action ?? "")”; it knows genConfig and genPack.")
        }
    }
}

/// Why there is no configuration.
public struct ConfigError: Error, Equatable, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// The plugin has no packs.
        public static let noPacks = Code(description: "noPacks")
    }

    /// The kind of failure.
    public let code: Code
    /// What went wrong, as a sentence.
    public let description: String

    static func noPacks(plugin: String, pack: String) -> ConfigError {
        ConfigError(
            code: .noPacks,
            description:
                "The config plugin “\(plugin)” has no packs: write the pack “\(pack)” into the configuration itself.")
    }
}
