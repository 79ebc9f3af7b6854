import Glibc
import Osquery

/// Runs a program, whose arguments are lines. osquery> SELECT output, code FROM command WHERE line = 'date';
struct Command: TablePlugin {
    struct Row: Encodable {
        var line: String
        var output: String
        var code: Int
    }

    /// What comes before the program is started.
    enum Start: String, CaseIterable {
        case command
        case commandAfterAwait = "command_after_await"
        case commandInActor = "command_in_actor"
        case commandInGroup = "command_in_group"
    }

    private actor Runner {
        func run(_ line: String) -> Row { Command.run(line) }
    }

    let start: Start
    var name: String { start.rawValue }
    let columns = [Column("line", .text, .required), Column("output", .text), Column("code", .integer)]

    func generate(_ query: QueryContext) async throws -> [Row] {
        guard let line = query.expressions(of: "line", .equals).first else { return [] }
        switch start {
        case .command: break
        case .commandAfterAwait: try await Task.sleep(for: .milliseconds(1))
        case .commandInActor: return [await Runner().run(line)]
        case .commandInGroup:
            return await withTaskGroup { group in
                group.addTask { Self.run(line) }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        return [Self.run(line)]
    }

    func onShutdown() async {
        if start == .command { print("onShutdown") }
    }

    /// By posix_spawn(3) alone: some shells change the signals that they are started with.
    private static func run(_ line: String) -> Row {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return Row(line: line, output: "", code: -1) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
        let arguments = line.split(separator: "\n").map { strdup(String($0)) } + [nil]
        var process: pid_t = 0
        let code = posix_spawnp(&process, arguments[0]!, &actions, nil, arguments, environ)
        close(ends[1])
        var output: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends[0], &part, part.count), count > 0 { output += part[..<count] }
        close(ends[0])
        var status: Int32 = -1
        if code == 0 { waitpid(process, &status, 0) }
        for argument in arguments { free(argument) }
        posix_spawn_file_actions_destroy(&actions)
        return Row(line: line, output: String(decoding: output, as: UTF8.self), code: Int(status >> 8 & 0xFF))
    }
}
