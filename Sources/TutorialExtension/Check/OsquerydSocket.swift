import ArgumentParser

/// Where osqueryd is asked, for the commands that do.
struct OsquerydSocket: ParsableArguments {
    /// Where osquery's packages look for flags, and where osqueryd listens unless told otherwise.
    static let defaultFlagFile = "/etc/osquery/osquery.flags"
    private static let defaultPath = "/var/osquery/osquery.em"

    @Option(help: "osqueryd's extension socket; by default the one that the flags name.")
    var socket: String?

    func path(_ flags: OsqueryFlags) -> String {
        socket ?? flags["extensions_socket"] ?? Self.defaultPath
    }

    /// The path, by the flags of osquery's packages.
    var path: String { path((try? OsqueryFlags(file: Self.defaultFlagFile)) ?? OsqueryFlags([:])) }
}
