import Glibc
import Logging
import OsqueryTesting
import SystemCalls
import Testing

@testable import Osquery

/// Where a call blocks.
private enum Place: String, CaseIterable {
    case afterAwait, inActor, inActorAfterAwait, inGroup, inAsyncLet
}

/// Blocks its thread until the test opens it.
private final class Barrier: Sendable {
    let blocked = Condition(0)
    private let isOpen = Condition(false)

    func block() {
        blocked.change { $0 += 1 }
        isOpen.wait { $0 ? () : nil }
    }

    func open() { isOpen.change { $0 = true } }
}

private actor Blocker {
    func block(at barrier: Barrier) { barrier.block() }

    func blockAfterAwait(at barrier: Barrier) async {
        try? await Task.sleep(for: .milliseconds(1))
        barrier.block()
    }
}

private struct Blocking: TablePlugin {
    struct Row: Encodable { var place: String }

    let place: Place
    let barrier: Barrier
    var name: String { "blocks_\(place)" }
    let columns = [Column("place", .text)]

    func generate(_ query: QueryContext) async throws -> [Row] {
        switch place {
        case .afterAwait:
            try await Task.sleep(for: .milliseconds(1))
            barrier.block()
        case .inActor: await Blocker().block(at: barrier)
        case .inActorAfterAwait: await Blocker().blockAfterAwait(at: barrier)
        case .inGroup:
            await withTaskGroup { group in
                for _ in 0..<2 { group.addTask { barrier.block() } }
            }
        case .inAsyncLet:
            async let blocked: Void = barrier.block()
            await blocked
        }
        return [Row(place: "\(place)")]
    }
}

/// Suspends often, and in an actor that all calls share.
private struct Quick: TablePlugin {
    actor Counter {
        var count = 0
        func next() -> Int {
            count += 1
            return count
        }
    }

    struct Row: Encodable { var number: Int }

    let name = "quick"
    let columns = [Column("number", .integer)]
    let counter = Counter()

    func generate(_ query: QueryContext) async throws -> [Row] {
        try await Task.sleep(for: .milliseconds(1))
        await Task.yield()
        async let other = counter.next()
        return [Row(number: await counter.next() + (await other))]
    }
}

@Suite struct BlockingCallTests {
    @Test("50 calls that block, wherever that is, hold up no other one")
    func blockingCallsHoldUpNoOther() async throws {
        let barrier = Barrier()
        let plugins: [any ExtensionPlugin] = Place.allCases.map { Blocking(place: $0, barrier: barrier) } + [Quick()]
        let path = "/tmp/osquery-blocking-\(getpid())"
        let server = try ExtensionServer(
            socketPath: path, processor: ExtensionProcessor(uuid: 1, plugins: plugins), activity: ExtensionActivity(),
            logger: Logger(label: "test"), onShutdown: {})
        try server.start()
        defer { server.stop(within: .seconds(1)) }
        let answers = Condition([String]())
        for place in Place.allCases {
            for _ in 0..<10 {
                try BlockingThread.start {
                    let place = Self.value(of: "blocks_\(place)", at: path)
                    answers.change { $0.append(place) }
                }
            }
        }
        defer { barrier.open() }
        // Those in a group block one after the other.
        #expect(
            barrier.blocked.wait(atMost: 60_000_000) { $0 >= 50 ? () : nil } != nil,
            "\(barrier.blocked.withLock { $0 }) block")
        let quick = Condition([String]())
        for _ in 0..<10 {
            try BlockingThread.start {
                let number = Self.value(of: "quick", at: path)
                quick.change { $0.append(number) }
            }
        }
        #expect(quick.wait(atMost: 60_000_000) { $0.count == 10 ? () : nil } != nil)
        #expect(quick.withLock { $0 }.allSatisfy { Int($0) != nil })
        #expect(answers.withLock { $0 } == [])
        barrier.open()
        #expect(answers.wait(atMost: 60_000_000) { $0.count == 50 ? () : nil } != nil)
        let expected = Place.allCases.flatMap { [String](repeating: "\($0)", count: 10) }
        #expect(answers.withLock { $0 }.sorted() == expected.sorted())
    }

    @Test("as many calls as threads are answered, and further ones wait")
    func callsBeyondTheLimitWait() throws {
        let barrier = Barrier()
        let path = "/tmp/osquery-crowd-\(getpid())"
        let blocking = Blocking(place: .inActor, barrier: barrier)
        let server = try ExtensionServer(
            socketPath: path, processor: ExtensionProcessor(uuid: 1, plugins: [blocking]),
            activity: ExtensionActivity(), logger: Logger(label: "test"), onShutdown: {})
        try server.start()
        defer { server.stop(within: .seconds(1)) }
        defer { barrier.open() }
        let answers = Condition([String]())
        for number in 1...ConnectionTable.limit + 6 {
            try BlockingThread.start {
                let place = Self.value(of: "blocks_inActor", at: path)
                answers.change { $0.append(place) }
            }
            // One after the other, up to the last one that has a thread.
            let blocked = min(number, ConnectionTable.limit)
            #expect(barrier.blocked.wait(atMost: 60_000_000) { $0 == blocked ? () : nil } != nil)
        }
        barrier.open()
        let count = ConnectionTable.limit + 6
        #expect(answers.wait(atMost: 60_000_000) { $0.count == count ? () : nil } != nil)
        #expect(answers.withLock { $0 } == [String](repeating: "inActor", count: count))
    }

    /// The value of the only column of the table's only row.
    private static func value(of table: String, at path: String) -> String {
        do {
            let client = ExtensionManagerClient(socketPath: path, timeout: .seconds(200))
            let rows = try client.call("table", table, ["action": "generate", "context": "{}"]).rows
            return rows.map { $0["place"] ?? $0["number"] ?? "" }.joined()
        } catch {
            return "\(error)"
        }
    }
}
