import ArgumentParser
import Glibc
import Osquery
import SystemCalls

/// Puts a query into the folder of the plugin `directory`, and waits for its result.
struct Ask: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask osqueryd a live query through the distributed plugin “directory”.",
        discussion: """
            osqueryd must run with --distributed_plugin=directory --disable_distributed=false, and asks for queries each \
            --distributed_interval seconds. Rows are printed as a table on a terminal, else as JSON.
            """)

    @Option(help: "The folder for queries; by default what OSQUERY_DISTRIBUTED_DIRECTORY names.")
    var directory: String?

    @Option(help: ArgumentHelp("Seconds to wait for the result.", valueName: "seconds"))
    var timeout = 120

    @Argument(help: "The query, in osquery's SQL.")
    var query: String

    func validate() throws {
        guard directory ?? Environment[.queries] != nil else {
            throw ValidationError(
                "Name the folder for queries: with --directory, or in OSQUERY_DISTRIBUTED_DIRECTORY as for osqueryd.")
        }
        guard query.contains(where: { !$0.isWhitespace }) else { throw ValidationError("The query is empty.") }
        guard query.utf8.count <= QueryFile.largest else { throw ValidationError("\(QueryFileError.tooLarge)") }
        guard (1...86400).contains(timeout) else {
            throw ValidationError("--timeout is \(timeout): give it seconds, from 1 to 86400.")
        }
    }

    func run() throws {
        guard let path = directory ?? Environment[.queries] else { return }
        let name = "ask-\(time(nil))-\(getpid())"
        do {
            let inquiry = try Inquiry(name: name, query: query, path: path)
            guard let text = try inquiry.wait(seconds: timeout) else {
                inquiry.withdraw()
                fail(
                    "osqueryd brought no result within \(timeout) s. Does it run with --distributed_plugin=directory "
                        + "--disable_distributed=false, and with OSQUERY_DISTRIBUTED_DIRECTORY=\(path)?")
                throw ExitCode(69)
            }
            try print(text)
        } catch let error as SystemError {
            fail("\(error)")
            throw ExitCode(error.code == EACCES || error.code == EPERM ? 77 : 70)
        }
    }

    private func print(_ text: String) throws {
        guard let answer = AskedResult(text) else {
            fail("The result is none: \(text.prefix(200))")
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
