import ArgumentParser
import Glibc
import Osquery
import SystemCalls

/// Puts a query into the directory of the plugin `directory`, and waits for its result.
struct Ask: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask osqueryd a live query through the distributed plugin “directory”.",
        discussion: """
            osqueryd must run with --distributed_plugin=directory --disable_distributed=false, and asks for queries every \
            --distributed_interval seconds, 60 unless set. Rows are printed as a table on a terminal, else as JSON.
            """)

    @Option(help: "The directory for queries; by default what OSQUERY_DISTRIBUTED_DIRECTORY names.")
    var directory: String?

    @OptionGroup var osqueryd: OsquerydSocket

    @Option(
        help: ArgumentHelp(
            "Seconds to wait for the result; by default \(defaultTimeout), or twice --distributed_interval where that is longer.",
            valueName: "seconds"))
    var timeout: Int?

    @Argument(help: "The query, in osquery's SQL.")
    var query: String

    private static let defaultTimeout = 120

    func validate() throws {
        guard directory ?? Environment[.queries] != nil else {
            throw ValidationError(
                "Name the directory for queries: with --directory, or in OSQUERY_DISTRIBUTED_DIRECTORY as for osqueryd."
            )
        }
        guard query.contains(where: { !$0.isWhitespace }) else { throw ValidationError("The query is empty.") }
        guard query.utf8.count <= QueryFile.largest else { throw ValidationError("\(QueryFileError.tooLarge)") }
        if let timeout, !(1...86400).contains(timeout) {
            throw ValidationError("--timeout is \(timeout): give it seconds, from 1 to 86400.")
        }
    }

    func run() throws {
        guard let path = directory ?? Environment[.queries] else { return }
        let interval = try self.options?.interval
        do {
            let seconds = timeout ?? min(86400, max(Self.defaultTimeout, 2 * min(86400, interval ?? 0)))
            switch try ask(path, seconds, interval) {
            case .result(let text): try print(text)
            case .interrupted(let signal): Interruption.end(by: signal)
            case .timedOut:
                let asks =
                    interval.map { "which asks for queries every \($0) s (--distributed_interval)" }
                    ?? "which does not answer at \(osqueryd.path) (--socket)"
                fail(
                    "osqueryd, \(asks), returned no result within \(seconds) s; the query is withdrawn. Does it run with "
                        + "--distributed_plugin=directory --disable_distributed=false, and with "
                        + "OSQUERY_DISTRIBUTED_DIRECTORY=\(path)?")
                throw ExitCode(69)
            }
        } catch let error as SystemError {
            fail("\(error)")
            throw ExitCode(error.code == EACCES || error.code == EPERM ? 77 : 70)
        }
    }

    private func ask(_ path: String, _ seconds: Int, _ interval: Int?) throws(SystemError) -> Inquiry.Outcome {
        let asks = interval.map { ", which asks every \($0) s" } ?? "; its --socket does not answer"
        let line = WaitingLine(for: "osqueryd\(asks)", limit: seconds)
        let interruption = try Interruption()
        let inquiry = try Inquiry(name: "ask-\(time(nil))-\(getpid())", query: query, path: path)
        defer { line.clear() }
        let outcome = try inquiry.wait(seconds: seconds, interruption, showing: line)
        if case .result = outcome {} else { inquiry.withdraw() }
        return outcome
    }

    /// What osqueryd's flags say of live queries; nil where it cannot be asked. Where it asks for none of ours that is said at once.
    private var options: LiveQueryOptions? {
        get throws(ExitCode) {
            let client = ExtensionManagerClient(socketPath: osqueryd.path, timeout: .seconds(3))
            guard let flags = try? client.options() else { return nil }
            let options = LiveQueryOptions(OsqueryFlags(flags.mapValues(\.value)))
            guard let complaint = options.complaint else { return options }
            fail(
                "osqueryd at \(osqueryd.path) \(complaint), so it does not answer the query: start it with "
                    + "--disable_distributed=false --distributed_plugin=directory. --socket names another osqueryd.")
            throw ExitCode(78)
        }
    }

    private func print(_ text: String) throws {
        guard let answer = AskedResult(text) else {
            fail("The result's file is not JSON: \(text.prefix(200))")
            throw ExitCode(70)
        }
        guard answer.status == 0 else {
            fail("osqueryd answered: \(answer.message)")
            throw ExitCode(1)
        }
        Swift.print(isatty(STDOUT_FILENO) == 1 ? TextTable(answer.rows).text : answer.rowsText)
    }

    private func fail(_ text: String) {
        Words.say("Error: \(text)")
    }
}
