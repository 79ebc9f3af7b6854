import Glibc

/// What `ask` shows on a terminal while it waits.
struct WaitingLine {
    /// What it waits for, and for how many seconds at most.
    private let subject: String
    private let limit: Int
    private let line = TerminalLine()
    private let start = ContinuousClock.now
    private let startTime = Self.clock

    init(for subject: String, limit: Int) {
        self.subject = subject
        self.limit = limit
    }

    /// Whether there is anybody to show it to.
    var isShown: Bool { line.isShown }

    /// Shows it with the seconds that have passed.
    func show() {
        let seconds = (ContinuousClock.now - start).components.seconds
        line.show("Waiting since \(startTime), \(seconds) of \(limit) s, for \(subject)")
    }

    /// Clears it.
    func clear() {
        line.clear()
    }

    /// The local time, HH:MM:SS.
    private static var clock: String {
        var (now, parts) = (time(nil), tm())
        localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 16)
        strftime(&text, text.count, "%H:%M:%S", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
