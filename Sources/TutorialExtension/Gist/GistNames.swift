import Osquery

/// The plugins that the package trait `Gist` brings.
enum GistNames {
    #if Gist
        static let names = ["gist"]
        /// The folder in which the last good configuration is kept; nil where no gist is named.
        static var folder: String? { Environment[.gist].map { _ in GistSettings.directory } }
    #else
        static let names: [String] = []
        static let folder: String? = nil
    #endif

    /// What `check` finds about the gist.
    static func findings(_ flags: OsqueryFlags, from source: String, isEnvironmentKnown: Bool) -> [Finding] {
        #if Gist
            GistChecks.findings(flags, from: source, isEnvironmentKnown: isEnvironmentKnown)
        #else
            []
        #endif
    }
}

extension Plugins {
    /// The plugin of this name, where the trait brings it.
    func gist(_ name: String) -> (any ExtensionPlugin)? {
        #if Gist
            name == "gist" ? GistConfig(logger: logger, socket: socket) : nil
        #else
            nil
        #endif
    }
}
