import Osquery

/// Asks a running osqueryd, or osqueryi: AskOsquery ~/.osquery/shell.em 'SELECT number, sql FROM …'
@main
struct AskOsquery {
    struct Row: Decodable {
        var number: Int
        var sql: String
    }

    static func main() async throws {
        let osquery = ExtensionManagerClient(socketPath: CommandLine.arguments[1], timeout: .seconds(30))
        for (uuid, info) in try await osquery.extensions().sorted(by: { $0.key < $1.key }) {
            print("extension", uuid, info.name, info.version)
        }
        print("logger_plugin", try await osquery.options()["logger_plugin"]?.value ?? "unknown")
        for row in try await osquery.query(CommandLine.arguments[2], as: Row.self) { print("row", row.number, row.sql) }
        do {
            print("columns", try await osquery.getQueryColumns(CommandLine.arguments[2]))
        } catch {
            print(error)
        }
    }
}
