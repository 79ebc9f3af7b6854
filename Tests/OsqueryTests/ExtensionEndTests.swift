import Osquery
import OsqueryTesting
import SystemCalls
import Testing

@Suite struct ExtensionEndTests {
    @Test("an osqueryd in the same process is not waited for", arguments: [false, true])
    func sameProcess(isAtOnce: Bool) async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        let options = try #require(ExtensionOptions(spelledAsByOsqueryd: ["--socket", manager.socketPath]))
        let end = try ExtensionEnd()
        let running = OsqueryExtension(name: "test", version: "1.0.0", plugins: [RecordingLogger()])
        let hasEnded = Lock(false)
        try BlockingThread.start {
            #expect(throws: Never.self) { try running.run(options, until: end) }
            hasEnded.withLock { $0 = true }
        }
        #expect(try await manager.waitForRegistration() != nil)
        let begin = ContinuousClock.now
        if isAtOnce { end.requestAtOnce() } else { end.request() }
        while !hasEnded.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(manager.extensions.isEmpty)
    }
}
