import Foundation
import Glibc
import OsqueryTesting
import SystemCalls
import Testing

@testable import Osquery
@testable import Thrift

/// Takes one connection, notes what comes first, and answers with bytes that it was given.
private final class ScriptedManager: Sendable {
    let path = "/tmp/osquery-client-\(UUID().uuidString)"
    private let listener: FileDescriptor
    private let received = AsyncStream<[UInt8]>.makeStream()

    init(answer: [UInt8]?, expecting count: Int = 1) throws {
        listener = try UnixSocket.listen(at: path)
        try BlockingThread.start { [self] in
            let connection = accept(listener.rawValue, nil, nil)
            var bytes: [UInt8] = []
            while bytes.count < count {
                var part = [UInt8](repeating: 0, count: 4096)
                let length = recv(connection, &part, part.count, 0)
                if length <= 0 { break }
                bytes += part[..<length]
            }
            received.continuation.yield(bytes)
            if let answer { try? UnixSocket.send(answer, to: connection) } else { usleep(500_000) }
            close(connection)
        }
    }

    deinit { unlink(path) }

    func firstBytes() async -> [UInt8] {
        var iterator = received.stream.makeAsyncIterator()
        return await iterator.next() ?? []
    }
}

@Suite struct ExtensionManagerClientTests {
    private static let info = ExtensionInfo(name: "hello", version: "1.0.0")

    /// Each method, with what its vector's reply says.
    private static let methods: [(String, @Sendable (ExtensionManagerClient) throws -> Bool)] = [
        (
            "ping",
            {
                try $0.ping()
                return true
            }
        ),
        ("extensions", { try $0.extensions() == [12004: info] }),
        (
            "options",
            { try $0.options() == ["logger_plugin": OptionInfo(value: "journal", defaultValue: "filesystem")] }
        ),
        ("registerExtension", { try $0.registerExtension(info, plugins: [RecordingLogger()]) == 12004 }),
        (
            "deregisterExtension",
            {
                try $0.deregisterExtension(12004)
                return true
            }
        ),
        ("query", { try $0.query("SELECT 1 AS one") == [["one": "1"]] }),
        ("getQueryColumns", { try $0.getQueryColumns("SELECT 1 AS one") == [["one": "INTEGER"]] }),
        (
            "call",
            {
                let response = try $0.call("logger", "journal", ["string": "{}"])
                return response == ExtensionResponse(status: ExtensionStatus(uuid: 12004))
            }
        ),
    ]

    @Test("each method sends the bytes that Apache Thrift writes, and reads its reply", arguments: methods.indices)
    func vectors(index: Int) async throws {
        let (method, call) = Self.methods[index]
        let expected = try Vectors.bytes("\(method).call")
        let manager = try ScriptedManager(answer: try Vectors.bytes("\(method).reply"), expecting: expected.count)
        #expect(try call(ExtensionManagerClient(socketPath: manager.path)))
        #expect(await manager.firstBytes() == expected)
    }

    private func error(answer: [UInt8]?, timeout: Duration = .seconds(5)) throws -> ManagerError? {
        let manager = try ScriptedManager(answer: answer)
        do {
            try ExtensionManagerClient(socketPath: manager.path, timeout: timeout).ping()
        } catch {
            #expect(error.method == "ping")
            #expect(error.description.hasPrefix("ping at \(manager.path): "))
            return error
        }
        return nil
    }

    @Test("what is no answer to the call is an error that names the method")
    func badAnswers() throws {
        let reply = try Vectors.bytes("ping.reply")
        for answer in [
            Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), try Vectors.bytes("extensions.reply"),
        ] {
            guard case .badReply = try error(answer: answer)?.reason else {
                return #expect(Bool(false), "\(answer) was taken for an answer")
            }
        }
        // An old header whose name is empty, of which more may come.
        guard case .closed = try error(answer: [0, 0, 0, 0])?.reason else {
            return #expect(Bool(false), "the beginning of a message was taken for all of it")
        }
        for length in 0..<reply.count {
            guard case .closed = try error(answer: Array(reply[..<length]))?.reason else {
                return #expect(Bool(false), "\(length) bytes of a reply were taken for an answer")
            }
        }
        guard case .timedOut = try error(answer: nil, timeout: .milliseconds(50))?.reason else {
            return #expect(Bool(false), "silence was taken for an answer")
        }
    }

    @Test("an exception and a refusal carry osqueryd's words")
    func refusals() throws {
        var writer = ThriftWriter()
        writer.writeMessageHeader(.exception, name: ByteSlice("ping"), sequenceID: 1)
        ApplicationException(.internalError, "out of order").write(to: &writer)
        #expect(try error(answer: writer.bytes)?.description.contains("out of order") == true)
        writer.removeAll()
        writer.writeMessageHeader(.reply, name: ByteSlice("ping"), sequenceID: 1)
        writer.writeField(0, .structure)
        ExtensionStatus.failure("Duplicate extension registered").write(to: &writer)
        writer.writeStop()
        guard case .refused(1, "Duplicate extension registered") = try error(answer: writer.bytes)?.reason else {
            return #expect(Bool(false), "a refusal was taken for success")
        }
    }

    @Test("a socket that is not there is said to be not reached")
    func noSocket() {
        let client = ExtensionManagerClient(socketPath: "/nowhere/osquery.em")
        let error = #expect(throws: ManagerError.self) { try client.ping() }
        #expect(error?.description.contains("No such file or directory. Is osqueryd running") == true)
    }
}

/// Answers in osqueryd's place, as Testing.md shows it.
private struct FakeOsquery: OsqueryClient {
    var rows: [ExtensionResponse.Row] = []

    func ping() {}
    func extensions() -> [Int64: ExtensionInfo] { [:] }
    func options() -> [String: OptionInfo] { [:] }
    func query(_ sql: String) -> [ExtensionResponse.Row] { rows }
    func getQueryColumns(_ sql: String) -> [ExtensionResponse.Row] { [] }
    func call(registry: String, plugin: String, request: [String: String]) -> ExtensionResponse {
        ExtensionResponse(rows: [["registry": registry, "plugin": plugin]])
    }
}

@Suite struct OsqueryClientTests {
    private struct Info: Decodable, Equatable { var pid: Int }

    @Test func aCallMadeDuringAnotherOneOfTheSameClientIsAnswered() throws {
        // As a table that asks osqueryd has it, which a query of another such table reads.
        let during = Lock<ExtensionManagerClient?>(nil)
        let manager = try TestManager { sql in
            guard sql == "outer", let client = during.withLock({ $0 }) else {
                return ExtensionResponse(rows: [["is": "inner"]])
            }
            return ExtensionResponse(rows: try client.query("inner"))
        }
        defer { manager.stop() }
        let client = ExtensionManagerClient(socketPath: manager.socketPath)
        during.withLock { $0 = client }
        #expect(try client.query("outer") == [["is": "inner"]])
        // The connection that is kept answers the next call alone.
        #expect(try client.query("other") == [["is": "inner"]])
        #expect(client.idleConnection != nil)
    }

    @Test func aCancelledCallEndsWithoutItsAnswer() async throws {
        let isAsked = Condition(false)
        let mayAnswer = Condition(false)
        let manager = try TestManager { _ in
            isAsked.change { $0 = true }
            mayAnswer.wait { $0 ? () : nil }
            return ExtensionResponse()
        }
        defer {
            mayAnswer.change { $0 = true }
            manager.stop()
        }
        let client = ExtensionManagerClient(socketPath: manager.socketPath, timeout: .seconds(100))
        let task = Task { try await client.query("SELECT 1") }
        while !isAsked.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        let error = await #expect(throws: ManagerError.self) { try await task.value }
        #expect(error?.code == .interrupted)
        // Before it was made, too.
        let cancelled = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await client.options()
        }
        let early = await #expect(throws: ManagerError.self) { try await cancelled.value }
        #expect(early?.code == .interrupted)
        // The client goes on with a connection of its own.
        #expect(try await client.extensions().isEmpty)
    }

    @Test func aQueryForOneRowReturnsIt() async throws {
        let client: any OsqueryClient = FakeOsquery(rows: [["pid": "7"]])
        #expect(try await client.queryRow("SELECT pid FROM osquery_info") == ["pid": "7"])
        #expect(try await client.queryRow("SELECT pid FROM osquery_info", as: Info.self) == Info(pid: 7))
        #expect(try await client.query("SELECT pid FROM osquery_info", as: Info.self) == [Info(pid: 7)])
        let response = try await client.call(registry: .table, plugin: "time", request: [:])
        #expect(response.rows == [["registry": "table", "plugin": "time"]])
    }

    @Test(arguments: [
        (0, RowCountError.Code.noRow, "The query returned no row instead of exactly one: SELECT 1"),
        (2, .severalRows, "The query returned 2 rows instead of exactly one: SELECT 1"),
    ])
    func anotherNumberOfRowsIsAnError(count: Int, code: RowCountError.Code, sentence: String) async {
        let client = FakeOsquery(rows: Array(repeating: ["pid": "7"], count: count))
        let error = await #expect(throws: RowCountError.self) { try await client.queryRow("SELECT 1") }
        #expect(error?.code == code)
        #expect(error?.description == sentence)
        await #expect(throws: RowCountError.self) { try await client.queryRow("SELECT 1", as: Info.self) }
    }
}
