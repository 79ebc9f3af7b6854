/// A count on standard error for a command that may take long, where a person looks at it.
struct Progress {
    /// It changes no more often than this many times a command.
    private static let steps = 1000

    private let noun: String
    private let line = TerminalLine()

    /// - Parameter noun: What is counted, in the plural.
    init(of noun: String) {
        self.noun = noun
    }

    /// So many of `total` are done.
    func show(_ count: Int, of total: Int) {
        guard count % max(1, total / Self.steps) == 0 else { return }
        line.show("\(count) of \(total) \(noun)")
    }

    /// Clears the line.
    func end() {
        line.clear()
    }
}
