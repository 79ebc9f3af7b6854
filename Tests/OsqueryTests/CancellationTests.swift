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
