import ArgumentParser

/// The shell's completions for this command, from the same declarations as its help.
struct PrintCompletion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print-completion",
        abstract: "Print completions for a shell: bash, zsh or fish.")

    @Argument(help: "bash, zsh or fish.")
    var shell: String

    func validate() throws {
        guard CompletionShell(rawValue: shell) != nil else {
            throw ValidationError("There are no completions for “\(shell)”; there are for bash, zsh and fish.")
        }
    }

    func run() {
        if let shell = CompletionShell(rawValue: shell) { print(TutorialExtension.completionScript(for: shell)) }
    }
}
