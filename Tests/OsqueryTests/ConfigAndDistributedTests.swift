import SystemCalls
import Testing

@testable import Osquery

private struct Files: ConfigPlugin {
    let name = "files"

    func genConfig() -> [String: String] { ["a": "{}", "b": #"{"options": {}}"#] }
}

private final class Recorder: DistributedPlugin {
    let name = "recorder"
    let queries: DistributedQueries
    let results = Lock<[DistributedResult]>([])

    init(_ queries: DistributedQueries = DistributedQueries()) { self.queries = queries }

    func getQueries() -> DistributedQueries { queries }
    func writeResults(_ results: [DistributedResult]) { self.results.withLock { $0 = results } }
}

@Suite struct ConfigAndDistributedTests {
    @Test func aConfigurationHasSeveralSources() async throws {
        let response = try await Files().call(PluginRequest(["action": "genConfig"]))
        #expect(response.rows == [["a": "{}", "b": #"{"options": {}}"#]])
    }

    @Test func aPluginWithoutPacksSaysSo() async {
        await #expect(throws: ConfigError.noPacks(plugin: "files", pack: "p")) {
            try await Files().call(PluginRequest(["action": "genPack", "name": "p", "value": "*"]))
        }
    }

    @Test func queriesAreWrittenAsOsquerydReadsThem() async throws {
        let all = DistributedQueries(queries: ["q": "SELECT \"a\"\n"], discovery: ["q": "SELECT 1"], accelerate: 60)
        let response = try await Recorder(all).call(PluginRequest(["action": "getQueries"]))
        #expect(
            response.rows == [
                ["results": #"{"queries":{"q":"SELECT \"a\"\n"},"discovery":{"q":"SELECT 1"},"accelerate":60}"#]
            ])
        let none = try await Recorder().call(PluginRequest(["action": "getQueries"]))
        #expect(none.rows == [["results": #"{"queries":{}}"#]])
    }

    @Test("what a running osqueryd sent is read") func resultsAreTyped() async throws {
        let request = try #require(ObservedRequest.all.first { $0.request["action"] == "writeResults" })
        let recorder = Recorder()
        let response = try await recorder.call(PluginRequest(request.request))
        #expect(response.status.code == 0)
        let results = recorder.results.withLock { $0 }
        #expect(results.map(\.name) == ["bad1", "empty1", "q1"])
        #expect(results.map(\.status) == [1, 0, 0])
        #expect(results.map(\.message) == ["no such column: nope", "", ""])
        #expect(results.map(\.rows) == [[], [], [["a": "1", "b": "2.5"]]])
        #expect(results[1].statistics == DistributedResult.Statistics(memory: 28672))
    }

    @Test func numbersMayBeStringsAndMembersMissing() async throws {
        let recorder = Recorder()
        let text = #"{"queries":{"a":"","b":[{"x":1,"y":null}]},"statuses":{"a":"1"},"stats":{"a":{"memory":"5"}}}"#
        _ = try await recorder.call(PluginRequest(["action": "writeResults", "results": text]))
        #expect(
            recorder.results.withLock { $0 } == [
                DistributedResult(name: "a", status: 1, statistics: DistributedResult.Statistics(memory: 5)),
                DistributedResult(name: "b", rows: [["x": "1"]]),
            ])
    }

    @Test func whatIsNoRequestIsAnsweredWithASentence() async throws {
        for plugin in [Files(), Recorder()] as [any ExtensionPlugin] {
            let response = try await plugin.call(PluginRequest(["action": "explode"]))
            #expect(response.status.code == 1 && response.status.message.contains("knows no action “explode”"))
        }
        await #expect(throws: DistributedError.self) {
            try await Recorder().call(PluginRequest(["action": "writeResults", "results": "[]"]))
        }
    }
}
