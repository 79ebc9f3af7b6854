import Osquery

/// Asks a running osqueryd, or osqueryi: AskOsquery ~/.osquery/shell.em 'SELECT number, sql FROM …'
@main
struct AskOsquery {
    struct Row: Decodable {
        var number: Int
        var sql: String
        var bytes: [UInt8]?
    }

    static func main() async throws {
        let manager = ExtensionManagerClient(socketPath: CommandLine.arguments[1], timeout: .seconds(30))
        try await manager.ping()
        for (uuid, info) in try await manager.extensions().sorted(by: { $0.key < $1.key }) {
            print("extension", uuid, info.name, info.version)
        }
        print("logger_plugin", try await manager.options()["logger_plugin"]?.value ?? "unknown")
        for row in try await manager.query(CommandLine.arguments[2], as: Row.self) {
            print("row", row.number, row.sql)
        }
        do {
            print("columns", try await manager.getQueryColumns(CommandLine.arguments[2]))
        } catch {
            print(error)
        }
    }
}
