import Glibc
import SystemCalls

/// A count on standard error for a command that may take long, where a person looks at it.
struct Progress {
    /// It changes no more often than this many times a command.
    private static let steps = 1000

    private let noun: String
    private let isShown = isatty(STDERR_FILENO) == 1

    /// - Parameter noun: What is counted, in the plural.
    init(of noun: String) {
        self.noun = noun
    }

    /// So many of `total` are done.
    func show(_ count: Int, of total: Int) {
        guard isShown, count % max(1, total / Self.steps) == 0 else { return }
        write("\r\(count) of \(total) \(noun)")
    }

    /// Clears the line.
    func end() {
        if isShown { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = writeAll(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
    }
}
