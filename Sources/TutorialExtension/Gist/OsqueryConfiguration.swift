#if Gist
    import Osquery

    /// The configuration that osqueryd has, as its tables show it.
    struct OsqueryConfiguration: Sendable {
        var hash = ""
        var delimiter = "_"
        /// For each pack, whether it runs.
        var packs: [String: Bool] = [:]
        /// The SQL of queries by their names, packs' with the pack's name.
        var queries: [String: String] = [:]

        private static let sql = """
            SELECT 'hash' AS kind, '' AS name, config_hash AS value FROM osquery_info \
            UNION ALL SELECT 'query', name, query FROM osquery_schedule \
            UNION ALL SELECT 'pack', name, active FROM osquery_packs \
            UNION ALL SELECT 'delimiter', '', value FROM osquery_flags WHERE name = 'pack_delimiter'
            """

        /// Asks osqueryd.
        init(_ osqueryd: ExtensionManagerClient) async throws(ManagerError) {
            for row in try await osqueryd.query(Self.sql) {
                guard let name = row["name"], let value = row["value"] else { continue }
                switch row["kind"] {
                case "hash": hash = value
                case "delimiter": delimiter = value
                case "pack": packs[name] = value == "1"
                case "query": queries[name] = value
                default: break
                }
            }
        }

        /// What can be told of a configuration from one look.
        enum State: Equatable {
            /// osqueryd has not read it yet, or has read another one since.
            case notRead
            case taken
            case refused
            /// Packs or queries are missing.
            case lacking(String)
        }

        func state(of expected: ExpectedSchedule) -> State {
            guard hash == expected.hash else { return .notRead }
            let missing = expected.packs.keys.filter { packs[$0] == nil }
            if !expected.ownPacks.isEmpty && missing.count == expected.packs.count { return .refused }
            for (pack, queries) in expected.packs where packs[pack] == true {
                for (query, sql) in queries {
                    let name = ExpectedSchedule.name(query, of: pack, delimiter: delimiter)
                    if self.queries[name] != sql { return .lacking("the query \(name)") }
                }
            }
            if !missing.isEmpty { return .lacking("the pack \(missing.sorted().joined(separator: ", "))") }
            return expected.faults.isEmpty ? .taken : .lacking("a pack")
        }
    }
#endif
