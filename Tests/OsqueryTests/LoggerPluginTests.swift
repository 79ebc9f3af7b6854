import Testing

@testable import Osquery

@Suite struct LoggerPluginTests {
    private func lines(_ request: [String: String]) async throws -> [String] {
        let logger = RecordingLogger()
        let response = try await logger.call(PluginRequest(request))
        #expect(response.status.code == 0)
        return logger.lines
    }

    @Test(
        "each kind of request reaches its function",
        arguments: [
            (["string": "a", "category": "event"], ["string: a"]),
            (["snapshot": "a"], ["snapshot: a"]),
            (["health": "a"], ["health: a"]),
            (["event": "a"], ["event: a"]),
            (["init": "osqueryd"], ["init: osqueryd"]),
            (["init": "osqueryd", "log": #"[{"s":0}]"#], ["init: osqueryd", #"status: {"s":0}"#]),
            (["init": "osqueryd", "log": ""], ["init: osqueryd"]),
            (["string": ""], ["string: "]),
        ])
    func kinds(request: [String: String], expected: [String]) async throws {
        #expect(try await lines(request) == expected)
    }

    @Test("features are answered in the status code")
    func features() async throws {
        #expect(try await RecordingLogger().call(PluginRequest(["action": "features"])).status.code == 1)
    }

    @Test(
        "a status array becomes its elements' own bytes",
        arguments: [
            (#"[{"s":0,"m":"a"},{"s":1,"m":"b"}]"#, [#"{"s":0,"m":"a"}"#, #"{"s":1,"m":"b"}"#]),
            (#"[ {"s": 0} ,{"m":"]},{\"\\"} ]"#, [#"{"s": 0}"#, #"{"m":"]},{\"\\"}"#]),
            (#"{"":{"s":0},"":{"s":1}}"#, [#"{"s":0}"#, #"{"s":1}"#]),
            ("[]", []),
            ("{}", []),
            // What is no array of lines is one line, whole.
            (#"{"s":0,"m":"a"}"#, [#"{"s":0,"m":"a"}"#]),
            (#"[{"s":0},{"s"#, [#"[{"s":0},{"s"#]),
            (#"[{"s":0}] x"#, [#"[{"s":0}] x"#]),
            (#"[{"s":0},]"#, [#"[{"s":0},]"#]),
            ("no JSON", ["no JSON"]),
            ("", [""]),
        ])
    func status(log: String, expected: [String]) async throws {
        #expect(try await lines(["status": "true", "log": log]) == expected.map { "status: \($0)" })
    }

    @Test(
        "a string_batch becomes its strings",
        arguments: [
            (#"["{\"a\":\"b\"}","plain","\u00e9\ud83d\ude00\n\/"]"#, [#"{"a":"b"}"#, "plain", "é😀\n/"]),
            (#"["\ud83d!","\q","\u12"]"#, ["\u{FFFD}!", #"\q"#, #"\u12"#]),
            (#"[{"a":1},2]"#, [#"{"a":1}"#, "2"]),
            ("[]", []),
            (#"["a","b"#, [#"["a","b"#]),
            (#"{"a":"b"}"#, [#"{"a":"b"}"#]),
        ])
    func batch(text: String, expected: [String]) async throws {
        #expect(try await lines(["string_batch": text]) == expected.map { "string: \($0)" })
    }

    @Test("a status line tells its members")
    func members() {
        let line = StatusLine(
            RequestValue(#"{"s":2,"f":"a.cpp","i":410,"m":"say \"hi\"","h":"web-01","c":"Mon Nov 23","u":1795426451}"#))
        #expect(line.severity == .error)
        #expect(line.sourceFile == "a.cpp")
        #expect(line.sourceLine == 410)
        #expect(line.messageText == #"say "hi""#)
        #expect(line.host == "web-01")
        #expect(line.time == 1_795_426_451)
    }

    @Test("a line without members, or with strange ones, has none")
    func strangeMembers() {
        for text in ["", "{", "[]", #"{"s":9,"i":"x"}"#, #"{"s":"","u":{}}"#, #"{"s":22}"#] {
            let line = StatusLine(RequestValue(text))
            #expect(line.severity == nil)
            #expect(line.sourceLine == nil)
            #expect(line.time == nil)
        }
    }
}
