import SystemCalls
import Testing

@testable import Osquery
@testable import Thrift

@Suite struct ExtensionProcessorTests {
    /// Answers on a thread of its own, as the server does: a plugin that suspends needs the cooperative pool.
    private func answer(
        _ message: Message, _ logger: RecordingLogger = RecordingLogger()
    ) async throws -> ([UInt8], AnswerOutcome) {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try BlockingThread.start {
                    var writer = ThriftWriter()
                    let processor = ExtensionProcessor(uuid: 12004, plugins: [logger])
                    let outcome = processor.answer(message, into: &writer, CallGate())
                    continuation.resume(returning: (writer.bytes, outcome))
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private func response(_ bytes: [UInt8]) throws -> ExtensionResponse {
        var response: ExtensionResponse?
        var reader = try Message(bytes).body
        try reader.readStruct { (reader, _, _) throws(ThriftError) in
            response = try ExtensionResponse(from: &reader)
            return true
        }
        return try #require(response)
    }

    private func call(registry: String, item: String, _ request: [String: String]) throws -> Message {
        var writer = ThriftWriter()
        writer.writeMessageHeader(.call, name: ByteSlice("call"), sequenceID: 1)
        for (id, text) in [(1, registry), (2, item)] as [(Int16, String)] {
            writer.writeField(id, .string)
            writer.writeString(text)
        }
        writer.writeField(3, .map)
        writer.writeMapHeader(from: .string, to: .string, count: request.count)
        for text in request.flatMap({ [$0.key, $0.value] }) { writer.writeString(text) }
        writer.writeStop()
        return try Message(writer.bytes)
    }

    @Test("each call is answered with the bytes that Apache Thrift writes", arguments: ["ping", "call"])
    func vectors(method: String) async throws {
        let (bytes, outcome) = try await answer(try Vectors.message("\(method).call"))
        #expect(bytes == (try Vectors.bytes("\(method).reply")))
        #expect(outcome == .goOn)
    }

    @Test("shutdown is answered, and ends the extension")
    func shutdown() async throws {
        let (bytes, outcome) = try await answer(try Vectors.message("shutdown.call"))
        #expect(bytes == (try Vectors.bytes("shutdown.reply")))
        #expect(outcome == .shutdown)
    }

    @Test("an old header is understood, a oneway message not answered")
    func headers() async throws {
        let logger = RecordingLogger()
        #expect(try await answer(try Vectors.message("call.oldHeader"), logger).0 == (try Vectors.bytes("call.reply")))
        #expect(try await answer(try Vectors.message("call.oneway"), logger).0.isEmpty)
        #expect(logger.lines == ["string: {}", "string: {}"])
    }

    @Test("an unknown method is answered with TApplicationException 1 that names it")
    func unknownMethod() async throws {
        var writer = ThriftWriter()
        writer.writeMessageHeader(.call, name: ByteSlice("nothing"), sequenceID: 1)
        writer.writeStop()
        let (bytes, outcome) = try await answer(try Message(writer.bytes))
        var reader = try Message(bytes).body
        let exception = try ApplicationException(from: &reader)
        #expect(exception.type == 1)
        #expect(exception.message.contains("“nothing”"))
        #expect(outcome == .goOn)
    }

    @Test("a call whose arguments do not fit is answered with TApplicationException 7, a reply with 2")
    func misfits() async throws {
        var writer = ThriftWriter()
        writer.writeMessageHeader(.call, name: ByteSlice("call"), sequenceID: 1)
        writer.writeField(3, .map)
        writer.writeMapHeader(from: .int32, to: .string, count: 1)
        writer.writeInt32(1)
        writer.writeString("")
        writer.writeStop()
        for (message, type) in [(try Message(writer.bytes), Int32(7)), (try Vectors.message("ping.reply"), 2)] {
            let (bytes, outcome) = try await answer(message)
            var reader = try Message(bytes).body
            #expect(try ApplicationException(from: &reader).type == type)
            #expect(outcome == .close)
        }
    }

    @Test("an unknown registry, item or request gets status 1 and a sentence that names it")
    func unknowns() async throws {
        for (registry, item, request, name) in [
            ("loggers", "journal", ["string": ""], "“loggers”"),
            ("table", "journal", ["action": "columns"], "“journal”"),
            ("logger", "syslog", ["string": ""], "“syslog”"),
            ("logger", "journal", ["action": "fly"], "“fly”"),
            ("logger", "journal", ["flight": "1"], "flight"),
            ("logger", "journal", [:], "[]"),
            ("", "", [:], "“”"),
        ] {
            let status = try response(try await answer(try call(registry: registry, item: item, request)).0).status
            #expect(status.code == 1)
            #expect(status.message.contains(name))
            #expect(status.uuid == 12004)
        }
    }

    @Test("an error of a plugin is status 1 with the error's text", arguments: [false, true])
    func pluginError(suspends: Bool) async throws {
        let logger = RecordingLogger(fails: true, suspends: suspends)
        let (bytes, _) = try await answer(try call(registry: "logger", item: "journal", ["string": "x"]), logger)
        let status = try response(bytes).status
        #expect(status == ExtensionStatus(code: 1, message: "The disk is full: make room.", uuid: 12004))
    }

    @Test("a plugin that suspends is waited for")
    func suspension() async throws {
        let logger = RecordingLogger(suspends: true)
        let (bytes, _) = try await answer(try call(registry: "logger", item: "journal", ["string": "x"]), logger)
        #expect(try response(bytes).status.code == 0)
        #expect(logger.lines == ["string: x"])
    }
}
