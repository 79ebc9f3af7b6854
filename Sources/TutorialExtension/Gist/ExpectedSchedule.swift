#if Gist
    import Osquery
    import Thrift

    /// What osqueryd shows in its tables once it has taken a configuration (osquery 5.23: config/config.cpp, updateSource; config/packs.cpp,
    /// Pack::initialize).
    ///
    /// osqueryd parses a text whole or not at all, and then adds each of its packs, also those that do not run here.
    struct ExpectedSchedule: Sendable {
        /// `config_hash` of `osquery_info`: the hash of all sources' hashes, and there is one source. osqueryd sets it before it parses.
        let hash: String
        /// Bytes of the text without comments.
        let size: Int
        /// For each pack, the SQL of queries by their names: of those that run wherever the pack does.
        private(set) var packs: [String: [String: String]] = [:]
        /// Packs that the text itself holds: osqueryd has none of them where it has not taken the text.
        private(set) var ownPacks: Set<String> = []
        /// Whether there are queries, and osqueryd schedules none of them, on whatever host.
        var schedulesNothing: Bool { queryCount.written > 0 && queryCount.valid == 0 }
        private var queryCount = (written: 0, valid: 0)
        /// What is wrong with packs that the gist's other files are to hold.
        private(set) var faults: [GistError] = []

        /// The pack that osqueryd makes of the configuration's schedule.
        private static let main = "main"

        init(_ revision: GistRevision) throws(GistError) {
            hash = SHA1.hexadecimal(SHA1.hexadecimal(revision.text))
            let text = try ConfigurationText(revision.text, .main, file: GistConfig.mainFile)
            size = text.size
            guard let configuration = JSONElement(text) else { return }
            if let schedule = configuration["schedule"], schedule.kind == .object {
                packs[Self.main] = queries(schedule)
            }
            var files: [String] = []
            for (name, pack) in configuration["packs"]?.members ?? [] {
                switch pack.kind {
                case .object where name == "*":
                    for (name, pack) in pack.members ?? [] where pack.kind == .object { add(name, pack) }
                case .object: add(name, pack)
                case .string: files.append(name)
                default: break
                }
            }
            ownPacks = Set(packs.keys)
            for name in files { add(name, of: revision) }
        }

        private mutating func add(_ name: String, _ pack: JSONElement) {
            let queries = pack["queries"]
            packs[name] = queries?.kind == .object ? self.queries(queries!) : [:]
        }

        private mutating func add(_ name: String, of revision: GistRevision) {
            do throws(GistError) {
                let text = try ConfigurationText(try revision.pack(name), .pack, file: name + GistConfig.packSuffix)
                if let pack = JSONElement(text) { add(name, pack) }
            } catch {
                faults.append(error)
            }
        }

        /// The queries that osqueryd schedules on every host and whatever its version.
        private mutating func queries(_ queries: JSONElement) -> [String: String] {
            var found: [String: String] = [:]
            for (name, query) in queries.members ?? [] {
                queryCount.written += 1
                guard !Self.isReserved(name), let members = query.members, let sql = query["query"],
                    sql.kind == .string,
                    let text = sql.string, !text.isEmpty, Self.isValid(query["interval"])
                else { continue }
                queryCount.valid += 1
                guard found[name] == nil,
                    !members.contains(where: { ["shard", "platform", "version"].contains($0.name) })
                else { continue }
                found[name] = text
            }
            return found
        }

        /// Whether osqueryd surely schedules a query with this interval.
        private static func isValid(_ interval: JSONElement?) -> Bool {
            guard let interval else { return true }
            guard let digits = interval.string, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
                let seconds = Int(digits)
            else {
                return false
            }
            return (1...604_800).contains(seconds)
        }

        /// Names that osqueryd keeps for itself (osquery: database/database.cpp, kReservedDbPrefixes, kReservedDbSuffixes).
        private static func isReserved(_ name: String) -> Bool {
            ["query.", "cache.", "config_views."].contains { name.hasPrefix($0) }
                || ["epoch", "counter"].contains { name.hasSuffix($0) }
        }

        /// The name of a query in `osquery_schedule`.
        static func name(_ query: String, of pack: String, delimiter: String) -> String {
            pack == main ? query : "pack\(delimiter)\(pack)\(delimiter)\(query)"
        }
    }

    extension JSONElement {
        fileprivate init?(_ text: ConfigurationText) {
            self.init(ByteSlice(text.json))
        }
    }
#endif
