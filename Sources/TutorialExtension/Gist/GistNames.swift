import Osquery

/// The plugins that the package trait `Gist` brings.
enum GistNames {
    #if Gist
        static let names = ["gist"]
    #else
        static let names: [String] = []
    #endif
}

extension Plugins {
    /// The plugin of this name, where the trait brings it.
    func gist(_ name: String) -> (any ExtensionPlugin)? {
        #if Gist
            name == "gist" ? GistConfig(logger: logger) : nil
        #else
            nil
        #endif
    }
}
