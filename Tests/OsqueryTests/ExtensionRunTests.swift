import Glibc
import Logging
import OsqueryTesting
import Synchronization
import SystemCalls
import Testing

@testable import Osquery

/// Serialized, since signals are the process's.
@Suite(.serialized) struct ExtensionRunTests {
    /// Takes part in the end of an extension, and remembers that.
    private final class Ending: LoggerPlugin {
        let name: String
        private let pause: Duration
        private let ended = Atomic(0)
        var count: Int { ended.load(ordering: .relaxed) }

        init(name: String = "ending", pause: Duration = .zero) {
            self.name = name
            self.pause = pause
        }

        func logString(_ text: RequestValue) async throws {}
        func logSnapshot(_ text: RequestValue) async throws {}
        func logStatus(_ lines: [StatusLine]) async throws {}

        func onShutdown() async {
            try? await Task.sleep(for: pause)
            ended.add(1, ordering: .relaxed)
        }
    }

    private let manager: TestManager
    private let options: ExtensionOptions

    init() throws {
        manager = try TestManager()
        options = try #require(ExtensionOptions(spelledAsByOsqueryd: ["--socket", manager.socketPath]))
    }

    /// That an extension is registered, and that `end` ends it in order and without an error.
    private func expectEnd(
        of running: OsqueryExtension, takingSignals: Bool = false, by end: (Task<Void, any Error>) -> Void
    ) async throws {
        let task = Task { try await running.run(options, takingSignals: takingSignals) }
        let uuid = try #require(try await manager.waitForRegistration())
        end(task)
        try await task.value
        #expect(manager.extensions.isEmpty)
        #expect(access("\(manager.socketPath).\(uuid)", F_OK) != 0)
    }

    /// Returns when a SIGTERM has been handled: by a thread that blocks no signals, unlike those of libdispatch.
    private func sendSignal() throws {
        let isHandled = SystemCalls.Semaphore()
        try BlockingThread.start {
            EndingSignals.unblock()
            raise(SIGTERM)
            isHandled.signal()
        }
        isHandled.wait()
    }

    @Test("stop() ends it in order, and onShutdown() is called once")
    func stops() async throws {
        defer { manager.stop() }
        let plugins = [Ending(name: "one"), Ending(name: "other", pause: .milliseconds(50))]
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: plugins)
        try await expectEnd(of: running) { _ in
            running.stop()
            running.stop()
        }
        #expect(plugins.map(\.count) == [1, 1])
    }

    @Test("stop() ends a run on a thread of the caller's")
    func stopsBlockingRun() async throws {
        defer { manager.stop() }
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: [Ending()])
        let hasEnded = Lock(false)
        try BlockingThread.start {
            #expect(throws: Never.self) { try running.run(options) }
            hasEnded.withLock { $0 = true }
        }
        #expect(try await manager.waitForRegistration() != nil)
        running.stop()
        while !hasEnded.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        #expect(manager.extensions.isEmpty)
    }

    @Test("stop() before the run leaves nothing registered")
    func stopsBefore() async throws {
        defer { manager.stop() }
        let plugin = Ending()
        let activity = ExtensionActivity()
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: [plugin], activity: activity)
        running.stop()
        try await running.run(options, takingSignals: false)
        #expect(activity.registrations == 0)
        #expect(plugin.count == 1)
    }

    @Test("a cancelled task ends it in order")
    func cancelled() async throws {
        defer { manager.stop() }
        let plugin = Ending()
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: [plugin])
        try await expectEnd(of: running) { $0.cancel() }
        #expect(plugin.count == 1)
    }

    @Test("onShutdown() is called where run throws")
    func throwing() async throws {
        manager.stop()
        let plugin = Ending()
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: [plugin])
        var options = options
        options.timeout = 0
        let error = await #expect(throws: ExtensionError.self) { try await running.run(options, takingSignals: false) }
        #expect(error?.code == .notReached)
        #expect(plugin.count == 1)
    }

    @Test("an onShutdown() that does not return is not waited for")
    func hanging() async throws {
        defer { manager.stop() }
        let plugins = [Ending(name: "quick"), Ending(name: "hanging", pause: .seconds(3600))]
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: plugins)
        try await expectEnd(of: running) { _ in running.stop() }
        #expect(plugins.map(\.count) == [1, 0])
    }

    @Test("plugins are made once, with a client of the osqueryd that registers them")
    func madePlugins() async throws {
        defer { manager.stop() }
        let paths = Lock<[String]>([])
        let running = OsqueryExtension(name: "test", version: "1.0.0") { osquery in
            paths.withLock { $0.append(osquery.socketPath) }
            return [RecordingLogger()]
        }
        try await expectEnd(of: running) { _ in running.stop() }
        #expect(paths.withLock { $0 } == [manager.socketPath])
    }

    @Test("a signal ends all runs of the process, and the handlers that were there before come back")
    func signals() async throws {
        defer { manager.stop() }
        var earlier = sigaction()
        earlier.__sigaction_handler.sa_handler = { _ in }
        var original = sigaction()
        sigaction(SIGTERM, &earlier, &original)
        defer { sigaction(SIGTERM, &original, nil) }
        let first = OsqueryExtension(name: "first", version: "1.0.0", plugins: [Ending(name: "first")])
        let second = OsqueryExtension(name: "second", version: "1.0.0", plugins: [Ending(name: "second")])
        let secondTask = Task { try await second.run(options) }
        while manager.extensions.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        let firstTask = Task { try await first.run(options) }
        while manager.extensions.count < 2 { try await Task.sleep(for: .milliseconds(2)) }
        kill(getpid(), SIGTERM)
        try await firstTask.value
        try await secondTask.value
        #expect(manager.extensions.isEmpty)
        var now = sigaction()
        sigaction(SIGTERM, nil, &now)
        #expect(
            unsafeBitCast(now.__sigaction_handler.sa_handler, to: Int.self)
                == unsafeBitCast(earlier.__sigaction_handler.sa_handler, to: Int.self))
        // A signal of before ends nothing.
        try sendSignal()
        try await expectEnd(
            of: OsqueryExtension(name: "third", version: "1.0.0", plugins: [Ending()]), takingSignals: true
        ) { $0.cancel() }
    }

    @Test("a second SIGTERM does not end what follows a run")
    func signalAfterwards() async throws {
        defer { manager.stop() }
        var none = sigaction()
        none.__sigaction_handler.sa_handler = SIG_DFL
        var original = sigaction()
        sigaction(SIGTERM, &none, &original)
        defer { sigaction(SIGTERM, &original, nil) }
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: [Ending()])
        try await expectEnd(of: running, takingSignals: true) { _ in kill(getpid(), SIGTERM) }
        // This would end the tests.
        try sendSignal()
        #expect(EndingSignals.first == SIGTERM)
    }
}
