import Glibc
import Osquery

/// Runs a line of shell. osquery> SELECT output, code FROM command WHERE line = 'date';
struct Command: TablePlugin {
    struct Row: Encodable {
        var line: String
        var output: String
        var code: Int
    }

    let name = "command"
    let columns = [Column("line", .text, .required), Column("output", .text), Column("code", .integer)]

    func generate(_ query: QueryContext) async throws -> [Row] {
        query.expressions(of: "line", .equals).map(Self.run)
    }

    func onShutdown() async {
        print("onShutdown")
    }

    private static func run(_ line: String) -> Row {
        guard let program = popen("exec 2>&1; \(line)", "r") else { return Row(line: line, output: "", code: -1) }
        var output: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&part, 1, part.count, program), count > 0 { output += part[..<count] }
        let status = pclose(program)
        return Row(line: line, output: String(decoding: output, as: UTF8.self), code: Int(status >> 8 & 0xFF))
    }
}
