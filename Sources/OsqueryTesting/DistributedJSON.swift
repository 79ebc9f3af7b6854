import Osquery

extension DistributedQueries {
    /// The queries in the text that a plugin answers with; nil for what osqueryd would refuse (osquery:
    /// distributed/distributed.cpp, acceptWork).
    init?(json: String) {
        guard let root = JSONElement(json), root.members != nil else { return nil }
        guard let queries = root.texts("queries"), let discovery = root.texts("discovery") else { return nil }
        self.init(queries: queries, discovery: discovery, accelerate: root["accelerate"]?.integer.map { Int($0) })
    }
}

extension DistributedResult {
    /// The `results` of a request, members in osqueryd's order (osquery: distributed/distributed.cpp, serializeResults).
    static func json(_ results: [DistributedResult]) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("queries") { json in
                json.object { json in
                    for result in results {
                        json.member(result.name) { json in
                            json.array { json in for row in result.rows { json.object(row) } }
                        }
                    }
                }
            }
            json.member("statuses") { json in
                json.object { json in
                    for result in results { json.member(result.name) { $0.number(result.status) } }
                }
            }
            json.member("messages") { json in
                json.object { json in
                    for result in results { json.member(result.name) { $0.string(result.message) } }
                }
            }
            json.member("stats") { json in
                json.object { json in
                    for result in results { json.member(result.name) { $0.object(result.statistics) } }
                }
            }
        }
        return json.text
    }
}

extension JSONWriter {
    /// A query's statistics; an empty object where there are none.
    fileprivate mutating func object(_ statistics: DistributedResult.Statistics?) {
        object { json in
            guard let statistics else { return }
            json.member("wall_time_ms") { $0.number(statistics.wallTimeMilliseconds) }
            json.member("user_time") { $0.number(statistics.userTimeMilliseconds) }
            json.member("system_time") { $0.number(statistics.systemTimeMilliseconds) }
            json.member("memory") { $0.number(statistics.memory) }
        }
    }
}

extension JSONElement {
    /// A member that is an object of strings, which may be missing; nil where it is anything else.
    fileprivate func texts(_ name: String) -> [String: String]? {
        guard let element = self[name] else { return [:] }
        guard let members = element.members, members.allSatisfy({ $0.value.kind == .string }) else { return nil }
        return Dictionary(members.map { ($0.name, $0.value.string ?? "") }) { $1 }
    }
}
