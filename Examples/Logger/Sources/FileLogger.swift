import Foundation
import Osquery

/// Appends each log of osqueryd to a file. osqueryd --logger_plugin=file_logger
struct FileLogger: SynchronousLoggerPlugin {
    let name = "file_logger"
    let path = ProcessInfo.processInfo.environment["FILE_LOGGER_PATH"] ?? "/var/log/osquery-results.log"

    func logString(_ text: RequestValue) throws { try append("result", text) }
    func logSnapshot(_ text: RequestValue) throws { try append("snapshot", text) }

    func logStatus(_ lines: [StatusLine]) throws {
        for line in lines { try append("status", line.text) }
    }

    /// osqueryd ends when a logger fails, so a logger of yours should rather wait.
    private func append(_ kind: String, _ text: RequestValue) throws {
        guard let file = fopen(path, "a") else { throw FileError(path: path) }
        let isWritten = fputs("\(kind) \(text)\n", file) >= 0
        guard fclose(file) == 0 && isWritten else { throw FileError(path: path) }
    }
}

struct FileError: LocalizedError {
    let path: String
    var errorDescription: String? { "\(path) cannot be written to." }
}

@main
struct Main {
    static func main() {
        OsqueryExtension(name: "file_logger", version: "1.0.0", plugins: [FileLogger()]).main()
    }
}
