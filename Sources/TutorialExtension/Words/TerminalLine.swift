import CLinux
import Glibc
import SystemCalls

/// A line on standard error that changes while a command runs, where a person looks at it.
struct TerminalLine {
    /// Whether standard error is a terminal.
    let isShown = isatty(STDERR_FILENO) == 1

    /// Shows `text` in the place of what was shown before: as much of it as there is room for, as no line after the first could be
    /// cleared.
    func show(_ text: String) {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        write("\r\u{1B}[K\(text.prefix(isKnown ? Int(size.ws_col) - 1 : 79))")
    }

    /// Clears the line.
    func clear() {
        write("\r\u{1B}[K")
    }

    private func write(_ text: String) {
        guard isShown else { return }
        var text = text
        text.withUTF8 { _ = writeAll(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
    }
}
