import Glibc
import Osquery

extension DistributedResult {
    /// The result as it stands in its file: one line of JSON.
    func json(query: String?, host: String) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("name") { $0.string(name) }
            json.member("host") { $0.string(host) }
            json.member("time") { $0.number(time(nil)) }
            if let query { json.member("query") { $0.string(query) } }
            json.member("status") { $0.number(status) }
            json.member("message") { $0.string(message) }
            json.member("rows") { $0.array { json in for row in rows { json.object(row) } } }
            if let statistics {
                json.member("stats") { json in
                    json.object { json in
                        json.member("wall_time_ms") { $0.number(statistics.wallTimeMilliseconds) }
                        json.member("user_time") { $0.number(statistics.userTimeMilliseconds) }
                        json.member("system_time") { $0.number(statistics.systemTimeMilliseconds) }
                        json.member("memory") { $0.number(statistics.memory) }
                    }
                }
            }
        }
        return json.text
    }
}
