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
            Requests are read from standard input, one JSON object per line: {"registry": "table", "item": "planets", \
            "request": {"action": "generate", "context": "{}"}}. The members of “request” are strings.

            Each line is answered by one line of JSON: {"code", "message", "rows"} from the plugin, or {"error"} where the line \
            is not a request, or the plugin could not be called. If there was an error, the exit status is 1.
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
        var hasFailed = false
        while let line = readLine() {
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            do {
                let request = try StandInRequest(line)
                let response = try await manager.call(request.registry, request.item, request.request)
                print(response.json)
            } catch {
                hasFailed = true
                var json = JSONWriter()
                json.object(["error": "\(error)"])
                print(json.text)
            }
            fflush(nil)
        }
        if hasFailed { throw ExitCode.failure }
    }
}

extension ExtensionResponse {
    /// The answer, as the stand-in prints it.
    fileprivate var json: String {
        var json = JSONWriter()
        json.object { json in
            json.member("code") { $0.number(status.code) }
            json.member("message") { $0.string(status.message) }
            json.member("rows") { json in json.array { json in for row in rows { json.object(row) } } }
        }
        return json.text
    }
}
