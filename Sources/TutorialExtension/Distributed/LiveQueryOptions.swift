import Osquery

/// What osqueryd's flags say of live queries.
struct LiveQueryOptions {
    private let flags: OsqueryFlags

    init(_ flags: OsqueryFlags) {
        self.flags = flags
    }

    /// Seconds after which osqueryd asks for queries again; by default as many as there are in osquery's
    /// dispatcher/distributed_runner.cpp.
    var interval: Int { flags["distributed_interval"].flatMap { Int($0) } ?? 60 }

    /// Why osqueryd asks for none of the plugin `directory`'s queries, and how that is mended; nil where it does.
    var complaint: String? {
        if flags.isSet("disable_distributed") {
            return "runs with --disable_distributed=true"
        }
        if let plugin = flags["distributed_plugin"], plugin != "directory" {
            return "runs with --distributed_plugin=\(plugin)"
        }
        return nil
    }
}
