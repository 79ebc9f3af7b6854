import Glibc

/// A count on standard error for a command that may take long, where a person looks at it.
struct Progress {
    /// Numbers are printed no more often than this many times a command.
    private static let steps = 1000

    private let noun: String
    private let isShown = isatty(STDERR_FILENO) == 1
    private var count = 0

    init(of noun: String) {
        self.noun = noun
    }

    /// One more of `total` is done.
    mutating func advance(of total: Int) {
        count += 1
        guard isShown, count % max(1, total / Self.steps) == 0 else { return }
        print("\r\(count) of \(total) \(noun)", "")
    }

    /// Clears the line.
    func end() {
        if isShown { print("\r\u{1B}[K", "") }
    }

    private func print(_ text: String, _ end: String) {
        _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
}
