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
                "The spool's directory. By default the one that OSQUERY_JOURNAL_SPOOL or STATE_DIRECTORY names, else /var/lib/tutorial-extension."
        )
        var directory: String?

        var path: String {
            var path = directory ?? settings.spool
            while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
            return path
        }

        var paths: [String] { JournalSettings.directories(ofSpool: path) }

        /// Whether other files there are no reason not to touch it.
        func isOwn(_ path: String) -> Bool { path == settings.spool && settings.isSpoolOwn }

        private var settings: JournalSettings {
            JournalSettings(environment: Environment.value, complain: { Words.say($0) })
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the files, how many entries wait in each, and since when.",
            discussion: "The extension may run meanwhile.")

        @OptionGroup var options: Options

        func run() throws {
            try SpoolCommand.run {
                let files = try options.paths.flatMap { try SpoolListing.files(at: $0) }
                for file in files {
                    let unreadable = file.unreadable > 0 ? "\t\(Words.entries(file.unreadable)) cannot be read" : ""
                    print(
                        "\(file.path)\t\(Words.entries(file.entries))\t\(file.size) bytes\tsince @\(file.oldest / 1_000_000)"
                            + unreadable)
                }
                if files.isEmpty { print("Nothing is kept at \(options.path).") }
            }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the entries to standard output, in systemd's Journal Export Format.",
            discussion: """
                Pipe it into /lib/systemd/systemd-journal-remote -o FILE.journal - to make a journal of it. The entries stay in the \
                spool. The extension may run meanwhile.
                """)

        @OptionGroup var options: Options

        func run() throws {
            signal(SIGPIPE, SIG_IGN)
            try SpoolCommand.run {
                var count = 0
                let progress = Progress(of: "entries")
                defer { progress.end() }
                var unreadable = 0
                for path in options.paths {
                    unreadable += try SpoolListing.export(from: path) { (entry, total) throws(SystemError) in
                        guard entry.withUnsafeBytes({ writeAll($0, to: STDOUT_FILENO) }) else {
                            throw SystemError("write to", "standard output")
                        }
                        count += 1
                        progress.show(count, of: total)
                    }
                }
                if count == 0 && unreadable == 0 { Words.say("Nothing is kept at \(options.path).") }
                if unreadable > 0 {
                    Words.say(
                        "\(Words.entries(unreadable)) that cannot be read \(unreadable == 1 ? "was" : "were") left out."
                    )
                }
            }
        }
    }

    struct Drop: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete all entries for good. The extension must be stopped.")

        @OptionGroup var options: Options

        @Flag(help: "Confirm that the entries are deleted for good.")
        var yes = false

        func validate() throws {
            guard yes else {
                throw ValidationError("This deletes the entries for good: export them first, or confirm with --yes.")
            }
        }

        func run() throws {
            try SpoolCommand.run {
                let count = try options.paths.reduce(0) { sum, path in
                    sum + (try SpoolListing.drop(at: path, isOwnDirectory: options.isOwn(path)))
                }
                print("\(Words.entries(count)) deleted. Files named damaged-…, if any, are left.")
            }
        }
    }

    /// Runs `body`. A directory that does not exist is an empty one.
    private static func run(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as SystemError {
            switch error.code {
            case ENOENT:
                return Words.say("Nothing is kept: there is no directory \(error.subject).")
            case EWOULDBLOCK:
                Words.say("\(error) Stop osqueryd first.")
                throw ExitCode(70)
            case EACCES:
                Words.say("\(error) Run this as root.")
                throw ExitCode(77)
            default:
                Words.say("\(error)")
                throw ExitCode(error.code == EPERM ? 77 : 70)
            }
        }
    }
}
