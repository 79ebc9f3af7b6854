import Osquery
import Synchronization

/// Asks one live query, and prints what comes back. osqueryd --distributed_plugin=one_question --disable_distributed=false
final class OneQuestion: DistributedPlugin {
    let name = "one_question"
    private let isAsked = Mutex(false)

    func getQueries() async throws -> DistributedQueries {
        let isFirst = isAsked.withLock { isAsked in
            defer { isAsked = true }
            return !isAsked
        }
        return isFirst
            ? DistributedQueries(queries: ["uptime": "SELECT days, hours FROM uptime"]) : DistributedQueries()
    }

    func writeResults(_ results: [DistributedResult]) async throws {
        for result in results {
            print(result.name, result.status == 0 ? "\(result.rows)" : result.message)
        }
    }
}

@main
struct Main {
    static func main() {
        OsqueryExtension(name: "one_question", version: "1.0.0", plugins: [OneQuestion()]).main()
    }
}
