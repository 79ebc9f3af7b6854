import Synchronization

@testable import Osquery

/// A logger that remembers what it was called with.
final class RecordingLogger: LoggerPlugin {
    struct Refusal: Error, CustomStringConvertible {
        let description = "The disk is full: make room."
    }

    let name = "journal"
    private let recorded = Mutex<[String]>([])
    var lines: [String] { recorded.withLock { $0 } }
    /// Whether to fail, and whether to let go of the thread first.
    let fails: Bool
    let suspends: Bool

    init(fails: Bool = false, suspends: Bool = false) {
        self.fails = fails
        self.suspends = suspends
    }

    func logString(_ text: RequestValue) async throws { try await add("string", text) }
    func logSnapshot(_ text: RequestValue) async throws { try await add("snapshot", text) }
    func logInit(_ processName: RequestValue) async throws { try await add("init", processName) }
    func logHealth(_ text: RequestValue) async throws { try await add("health", text) }
    func logEvent(_ text: RequestValue) async throws { try await add("event", text) }

    func logStatus(_ lines: [StatusLine]) async throws {
        for line in lines { try await add("status", line.text) }
    }

    private func add(_ kind: String, _ text: RequestValue) async throws {
        if suspends { await Task.yield() }
        if fails { throw Refusal() }
        recorded.withLock { $0.append("\(kind): \(text)") }
    }
}
