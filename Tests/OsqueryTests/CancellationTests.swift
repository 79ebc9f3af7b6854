import Glibc
import Logging
import SystemCalls
import Testing
import Thrift

@testable import Osquery

/// Waits until it is cancelled, suspended or on its thread, and says so.
private final class Patient: TablePlugin {
    let name: String
    let columns = [Column("a", .text)]
    let suspends: Bool
    let isCancelled = Lock(false)

    init(suspends: Bool) {
        self.suspends = suspends
        name = suspends ? "suspends" : "blocks"
    }

    func generate(_ query: QueryContext) async throws -> [TableRow] {
        if suspends {
            try? await Task.sleep(for: .seconds(300))
        } else {
            while !Task.isCancelled { usleep(1000) }
        }
        isCancelled.withLock { $0 = Task.isCancelled }
        return []
    }
}

/// Blocks in its cancellation handler until it may go on.
private final class Stubborn: TablePlugin {
    let name = "stubborn"
    let columns = [Column("a", .text)]
    let isCancelled = Condition(false)
    let mayGoOn = Condition(false)

    func generate(_ query: QueryContext) async throws -> [TableRow] {
        try? await withTaskCancellationHandler {
            try await Task.sleep(for: .seconds(300))
        } onCancel: {
            isCancelled.change { $0 = true }
            mayGoOn.wait { $0 ? () : nil }
        }
        return []
    }
}

@Suite struct CancellationTests {
    @Test("a call is cancelled when its caller hangs up, and pings are answered meanwhile", arguments: [true, false])
    func cancelledWhenTheCallerHangsUp(suspends: Bool) async throws {
        let path = "/tmp/osquery-cancel-\(getpid())-\(suspends)"
        let plugin = Patient(suspends: suspends)
        let server = try ExtensionServer(
            socketPath: path, processor: ExtensionProcessor(uuid: 1, plugins: [plugin]), activity: ExtensionActivity(),
            logger: Logger(label: "test"), onShutdown: {})
        try server.start()
        defer { server.stop(within: .seconds(1)) }
        try call(plugin.name, at: path)
        try await ExtensionManagerClient(socketPath: path).ping()
        for _ in 0..<1000 where !plugin.isCancelled.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(plugin.isCancelled.withLock { $0 })
    }

    @Test("a cancellation handler that blocks holds up no other call")
    func blockingHandlersHoldUpNothing() async throws {
        let path = "/tmp/osquery-stubborn-\(getpid())"
        let plugin = Stubborn()
        let server = try ExtensionServer(
            socketPath: path, processor: ExtensionProcessor(uuid: 1, plugins: [plugin, Patient(suspends: true)]),
            activity: ExtensionActivity(), logger: Logger(label: "test"), onShutdown: {})
        try server.start()
        defer { server.stop(within: .seconds(1)) }
        for _ in 0..<3 { try call(plugin.name, at: path) }
        #expect(plugin.isCancelled.wait(atMost: 20_000_000) { $0 ? () : nil } != nil)
        // More callers than wait for connections, so that the server has to start threads.
        let answers = Condition(0)
        for _ in 0..<20 {
            try BlockingThread.start {
                try? ExtensionManagerClient(socketPath: path, timeout: .seconds(20)).ping()
                answers.change { $0 += 1 }
            }
        }
        #expect(answers.wait(atMost: 10_000_000) { $0 == 20 ? () : nil } != nil)
        plugin.mayGoOn.change { $0 = true }
    }

    /// Sends a call and closes the connection without waiting for the answer.
    private func call(_ table: String, at path: String) throws {
        var writer = ThriftWriter()
        writer.writeMessageHeader(.call, name: ByteSlice("call"), sequenceID: 1)
        for (id, text) in [(Int16(1), "table"), (2, table)] {
            writer.writeField(id, .string)
            writer.writeString(text)
        }
        writer.writeField(3, .map)
        writer.writeMapHeader(from: .string, to: .string, count: 1)
        writer.writeString("action")
        writer.writeString("generate")
        writer.writeStop()
        let connection = try UnixSocket.connect(to: path, timeout: .seconds(1))
        try UnixSocket.send(writer.bytes, to: connection.rawValue)
        usleep(50_000)
    }
}
