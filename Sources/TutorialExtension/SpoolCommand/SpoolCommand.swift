import ArgumentParser
import Glibc
import Journal
import SystemCalls

/// What waits on disk for a journald that takes it.
struct SpoolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spool",
        abstract: "Look at the logs that are kept on disk because journald did not take them.",
        subcommands: [List.self, Export.self, Drop.self],
        defaultSubcommand: List.self)

    struct Options: ParsableArguments {
        @Option(
            help:
                "The spool's folder; by default the one that OSQUERY_JOURNAL_SPOOL or STATE_DIRECTORY names, else the usual one."
        )
        var directory: String?

        var path: String {
            directory ?? JournalSettings(environment: Environment.value, complain: { Words.say($0) }).spool
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the files, what is in each, and since when.")

        @OptionGroup var options: Options

        func run() throws {
            try SpoolCommand.run {
                var files: [(name: String, entries: Int, bytes: Int, oldest: UInt64)] = []
                let odd = try SpoolListing.forEachEntry(at: options.path) { entry, _ in
                    if files.last?.name != entry.file { files.append((entry.file, 0, 0, entry.received)) }
                    files[files.count - 1].entries += 1
                    files[files.count - 1].bytes += entry.size
                }
                for file in files {
                    print(
                        "\(file.name)\t\(file.entries) entries\t\(file.bytes) bytes\tsince @\(file.oldest / 1_000_000)")
                }
                if odd > 0 { print("\(odd) bytes are no whole entry, and are set aside when the rest is replayed.") }
                if files.isEmpty && odd == 0 { print("Nothing is kept at \(options.path).") }
            }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the entries to standard output, in systemd's Journal Export Format.",
            discussion: """
                For /lib/systemd/systemd-journal-remote -o FILE.journal - which reads it from standard input. Nothing is taken out \
                of the spool.
                """)

        @OptionGroup var options: Options

        func run() throws {
            signal(SIGPIPE, SIG_IGN)
            try SpoolCommand.run {
                let odd = try SpoolListing.forEachEntry(at: options.path) { (_, bytes) throws(SystemError) in
                    guard writeAll(bytes, to: STDOUT_FILENO) else { throw SystemError("write to", "standard output") }
                }
                if odd > 0 { Words.say("\(odd) bytes that are no whole entry were left out.") }
            }
        }
    }

    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove all entries for good. osqueryd must not run.")

        @OptionGroup var options: Options

        @Flag(help: "Yes, they are lost then.")
        var yes = false

        func validate() throws {
            guard yes else { throw ValidationError("The entries are lost then: say --yes, or export them before.") }
        }

        func run() throws {
            guard access(options.path, F_OK) == 0 else { return }
            try SpoolCommand.run { try SpoolListing.drop(at: options.path) }
        }
    }

    /// Runs `body`; a folder that there is not is an empty one.
    private static func run(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as SystemError {
            if error.code == ENOENT { return Words.say("Nothing is kept: there is no folder for it yet.") }
            Words.say("\(error)" + (error.code == EWOULDBLOCK ? " Stop osqueryd before." : ""))
            throw ExitCode(error.code == EACCES || error.code == EPERM ? 77 : 70)
        }
    }
}
