@testable import Osquery
@testable import Thrift

/// A message, whatever it says, is answered by one whole message or by none.
func fuzzRequest(_ input: UnsafeRawBufferPointer) {
    let bytes = ByteSlice(Array(input))
    var scanner = MessageScanner()
    guard let length = try? bytes.withBytes({ try scanner.scan($0) }), let header = scanner.header else { return }
    var writer = ThriftWriter()
    let message = Message(header: header, bytes: bytes[0..<length])
    _ = processor.answer(message, into: &writer, gate)
    guard !writer.bytes.isEmpty else { return }
    let answer = ByteSlice(writer.bytes)
    var answerScanner = MessageScanner()
    let answered = try? answer.withBytes { try answerScanner.scan($0) }
    precondition(answered == writer.bytes.count, "The answer is no message.")
}

private let gate = CallGate()
private let processor = ExtensionProcessor(uuid: 1, plugins: [Logger(), Table()])

private struct Logger: LoggerPlugin {
    let name = "l"

    func logString(_ text: RequestValue) { use(text) }
    func logSnapshot(_ text: RequestValue) { use(text) }
    func logInit(_ processName: RequestValue) { use(processName) }

    func logStatus(_ lines: [StatusLine]) {
        for line in lines { _ = (line.messageText, line.sourceFile, line.sourceLine, line.host, line.time) }
    }

    private func use(_ text: RequestValue) {
        text.withBytes { precondition($0.byteCount == text.count) }
    }
}

/// Brings the constraints that it gets, and takes each change.
private struct Table: WritableTablePlugin {
    let name = "t"
    let columns = [Column("a", .text), Column("b", .bigint), Column("c", .double)]

    func generate(_ query: QueryContext) -> [TableRow] {
        query.constraints.values.flatMap { constraints in
            constraints.map { ["a": .text($0.expression), "b": $0.value, "c": query.uses("c") ? 1.5 : nil] }
        }
    }

    func insert(_ row: TableRow, rowID: Int64?) throws -> Int64 {
        guard row["a"] != .null else { throw RowChangeError.constraint }
        return rowID ?? 1
    }

    func update(rowID: Int64, to row: TableRow, newRowID: Int64?) {}
    func delete(rowID: Int64) {}
}
