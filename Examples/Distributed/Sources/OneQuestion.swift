import Osquery
import Synchronization

/// Asks one live query, and prints what comes back. osqueryd --distributed_plugin=one_question --disable_distributed=false
final class OneQuestion: DistributedPlugin {
    let name = "one_question"
    private let questions = Mutex(["uptime": "SELECT days, hours FROM uptime"])

    func getQueries() -> DistributedQueries {
        questions.withLock { questions in
            defer { questions = [:] }
            return DistributedQueries(queries: questions)
        }
    }

    func writeResults(_ results: [DistributedResult]) {
        for result in results { print(result.name, result.status == 0 ? "\(result.rows)" : result.message) }
    }
}

@main
struct Main {
    static func main() {
        OsqueryExtension(name: "one_question", version: "1.0.0", plugins: [OneQuestion()]).main()
    }
}
