import Benchmark
import Foundation
import SystemCalls

@testable import Journal
@testable import Osquery
@testable import Thrift

/// The parts that a line is made of, one by one. Run by `make bench`, without a systemd-journald: entries go to the spool.

func result(_ size: Int) -> String {
    let head =
        #"{"name":"bench","hostIdentifier":"web-01","calendarTime":"Mon Nov 23 09:34:12 2026 UTC","unixTime":1795426452,"epoch":0,"#
        + #""counter":1234,"numerics":false,"columns":{"padding":""#
    let tail = #""},"action":"added"}"#
    return head + String(repeating: "x", count: max(0, size - head.count - tail.count)) + tail
}

func snapshot(_ size: Int) -> String {
    let row = #"{"name":"systemd-journald.service","pid":"312","path":"/usr/lib/systemd/systemd-journald"}"#
    let rows = Array(repeating: row, count: max(1, size / (row.count + 1))).joined(separator: ",")
    return #"{"snapshot":["# + rows + #"],"action":"snapshot","name":"bench","unixTime":1795426452,"numerics":false}"#
}

func call(_ text: String) -> ByteSlice {
    var writer = ThriftWriter()
    writer.writeMessageHeader(.call, name: ByteSlice("call"), sequenceID: 0)
    for (id, value) in [(1, "logger"), (2, "journal")] as [(Int16, String)] {
        writer.writeField(id, .string)
        writer.writeString(value)
    }
    writer.writeField(3, .map)
    writer.writeRow(["category": "event", "string": text])
    writer.writeStop()
    return ByteSlice(writer.bytes)
}

struct Nothing: SynchronousLoggerPlugin {
    let name = "journal"
    func logString(_ text: RequestValue) {}
    func logSnapshot(_ text: RequestValue) {}
    func logStatus(_ lines: [StatusLine]) {}
    func logInit(_ processName: RequestValue) {}
    func logHealth(_ text: RequestValue) {}
    func logEvent(_ text: RequestValue) {}
}

func message(_ bytes: ByteSlice) -> Message {
    var scanner = MessageScanner()
    let length = try? bytes.withBytes { (span) throws(ThriftError) in try scanner.scan(span) }
    guard let length = length ?? nil, let header = scanner.header else {
        preconditionFailure("The call is no message.")
    }
    return Message(header: header, bytes: bytes[0..<length])
}

for size in [400, 4096] {
    let bytes = call(result(size))
    benchmark("Thrift: find the end of a call of \(size) bytes") { _ = message(bytes) }
}

let processor = ExtensionProcessor(uuid: 7000, plugins: [Nothing()])
let gate = CallGate()
let call400 = message(call(result(400)))
benchmark("Thrift and osquery: read a call of 400 bytes, answer it") {
    var writer = ThriftWriter()
    _ = processor.answer(call400, into: &writer, gate)
}

let row = ["name": "ssh.service", "pid": "312", "load_state": "loaded", "active_state": "active"]
let rows = Array(repeating: row, count: 100)
benchmark("Thrift: write 100 rows of 4 columns") {
    var writer = ThriftWriter()
    writer.writeRows(rows)
}
var encodedRows = ThriftWriter()
encodedRows.writeRows(rows)
let rowBytes = ByteSlice(encodedRows.bytes)
benchmark("Thrift: read 100 rows of 4 columns") {
    var reader = ThriftReader(rowBytes)
    _ = try? reader.readRows()
}

for (label, size) in [("400", 400), ("4096", 4096), ("16777216", 16 << 20)] {
    let text = JSONText(ByteSlice(result(size)))
    benchmark("JSON: find the members of a result of \(label) bytes") { text.forEachMember { _, _, _ in } }
}
for (label, size) in [("4096", 4096), ("16777216", 16 << 20)] {
    let text = JSONText(ByteSlice(snapshot(size)))
    benchmark("JSON: find the members of a snapshot of \(label) bytes, from its beginning") {
        text.forEachMember { _, _, _ in }
    }
    benchmark("JSON: find the members of a snapshot of \(label) bytes, from its end") {
        precondition(text.forEachMember(behind: "snapshot") { _, _, _ in })
    }
}

func entry() -> JournalEntry {
    var entry = JournalEntry()
    entry.add("PRIORITY=6")
    entry.add("SYSLOG_IDENTIFIER", "osqueryd")
    entry.add("OSQUERY_LOG_TYPE=string")
    entry.add("OSQUERY_QUERY_NAME", "bench")
    entry.add("OSQUERY_HOST_IDENTIFIER", "web-01")
    entry.add("OSQUERY_CALENDAR_TIME", "Mon Nov 23 09:34:12 2026 UTC")
    entry.add("OSQUERY_UNIX_TIME", "1795426452")
    entry.add("OSQUERY_EPOCH", "0")
    entry.add("OSQUERY_COUNTER", "1234")
    entry.add("OSQUERY_ACTION", "added")
    return entry
}

benchmark("Journal: build an entry of 11 fields") { _ = entry() }

/// Entries onto the disk, in calls of so many, each on the disk before its call is answered, from so many threads at once.
func spool(_ label: String, _ folder: String, threads: Int, perCall: Int, entries: Int) {
    let writer = JournalWriter(
        JournalSettings(
            environment: { $0 == "OSQUERY_JOURNAL_SPOOL" ? folder : $0 == "OSQUERY_JOURNAL_SPOOL_MAX" ? "64G" : nil },
            complain: { _ in }),
        report: { _ in })
    let name = "Spool: \(entries) entries of 400 bytes from \(threads) threads in calls of \(perCall), \(label)"
    benchmark(name, settings: Iterations(3)) {
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            let message = Array(("MESSAGE=" + result(400)).utf8)
            for _ in 0..<entries / threads / perCall {
                message.withUnsafeBytes { bytes in
                    do {
                        var last = JournalWriter.Place.journal
                        for _ in 0..<perCall { last = try writer.write(entry(), message: bytes) }
                        try writer.makeSafe(last)
                    } catch {
                        fatalError("\(error)")
                    }
                }
            }
        }
    }
}

for (label, variable) in [("in memory", "BENCH_TMPFS"), ("on disk", "BENCH_DISK")] {
    guard let folder = ProcessInfo.processInfo.environment[variable] else { continue }
    for (threads, perCall, entries) in [(1, 1, 4000), (4, 1, 4000), (4, 500, 100_000)] {
        spool(label, "\(folder)/spool-\(threads)-\(perCall)", threads: threads, perCall: perCall, entries: entries)
    }
}

/// Entries that are on the disk, read back in batches.
func readSpool(_ folder: String, entries: Int) {
    let fields = Array(("MESSAGE=" + result(400)).utf8).withUnsafeBytes { bytes in
        [iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)]
            .withUnsafeBufferPointer { ExportFormat.body($0, received: 1, bootID: "0") }
    }
    do {
        let database = try SpoolDatabase(
            try SpoolFile.create(in: try SpoolDirectory(path: folder, isOwn: true)), isNew: true)
        try database.append((0..<entries).map { _ in PendingEntry(received: 1, body: fields) }[...])
        benchmark("Spool: read \(entries) entries", settings: Iterations(3)) {
            var last = database.forgotten
            do {
                while let newest = try database.read(after: last).last { last = newest.number }
            } catch {
                fatalError("\(error)")
            }
        }
    } catch {
        fatalError("\(error)")
    }
}

if let folder = ProcessInfo.processInfo.environment["BENCH_TMPFS"] {
    readSpool("\(folder)/spool-read", entries: 100_000)
}

Benchmark.main()
