import ArgumentParser
import Glibc
import Osquery
import OsqueryTesting

/// The stand-in as a program: waits for an extension, sends it requests, prints the answers.
@main
struct StandInManager: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "osquery-stand-in",
        abstract: "Play osqueryd for an extension that you start with the same --socket.",
        discussion: """
            Requests are read from standard input, a JSON object a line: {"registry": "table", "item": "planets", "request": \
            {"action": "generate", "context": "{}"}}. Each is answered with a line of JSON: code, message and rows.
            """)

    @Option(help: "Where to listen.")
    var socket: String

    @Option(help: ArgumentHelp("Seconds to wait for the extension.", valueName: "seconds"))
    var timeout = 30

    func run() async throws {
        let manager = try TestManager(socketPath: socket)
        defer { manager.stop() }
        guard try await manager.waitForRegistration(timeout: .seconds(timeout)) != nil else {
            throw ValidationError("No extension has registered within \(timeout) s: start one with --socket \(socket).")
        }
        while let line = readLine() {
            guard !line.isEmpty else { continue }
            guard let request = StandInRequest(line) else {
                throw ValidationError("This line is no request, see --help: \(line.prefix(200))")
            }
            let response = try await manager.call(request.registry, request.item, request.request)
            print(StandInRequest.answer(response))
            fflush(nil)
        }
    }
}

/// A line of input, and what is printed for it.
private struct StandInRequest {
    let registry: PluginRegistry
    let item: String
    let request: [String: String]

    init?(_ line: String) {
        guard let root = JSONElement(line), let item = root["item"]?.string,
            let registry = root["registry"]?.string.flatMap(PluginRegistry.init(rawValue:)),
            let members = root["request"]?.members
        else { return nil }
        self.registry = registry
        self.item = item
        request = Dictionary(members.map { ($0.name, $0.value.string ?? "") }) { $1 }
    }

    static func answer(_ response: ExtensionResponse) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("code") { $0.number(response.status.code) }
            json.member("message") { $0.string(response.status.message) }
            json.member("rows") { json in json.array { json in for row in response.rows { json.object(row) } } }
        }
        return json.text
    }
}
