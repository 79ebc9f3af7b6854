import Glibc
import Osquery

/// Appends each log of osqueryd to a file. osqueryd --logger_plugin=file_logger
struct FileLogger: LoggerPlugin {
    let name = "file_logger"
    let path: String

    func logString(_ text: RequestValue) throws { try append("result", text) }
    func logSnapshot(_ text: RequestValue) throws { try append("snapshot", text) }

    func logStatus(_ lines: [StatusLine]) throws {
        for line in lines { try append("status", line.text) }
    }

    private func append(_ kind: String, _ text: RequestValue) throws {
        guard let file = fopen(path, "a") else { throw FileError(path: path) }
        defer { fclose(file) }
        fputs("\(kind) \(text)\n", file)
    }
}

/// osqueryd ends when a logger fails, so a logger of yours should rather wait.
struct FileError: Error, CustomStringConvertible {
    let path: String
    var description: String { "\(path) cannot be written to." }
}

@main
struct Main {
    static func main() {
        let path = getenv("FILE_LOGGER_PATH").map { String(cString: $0) } ?? "/var/log/osquery-results.log"
        OsqueryExtension(name: "file_logger", version: "1.0.0", plugins: [FileLogger(path: path)]).main()
    }
}
