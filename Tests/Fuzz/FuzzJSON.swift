@testable import Osquery
@testable import Thrift

/// Whatever the text is, values lie within it, one behind the other, and what is read of it is bounded.
func fuzzJSON(_ input: UnsafeRawBufferPointer) {
    let text = ByteSlice(Array(input))
    var end = 0
    JSONText(text).forEachMember { bytes, name, value in
        precondition(name.range.lowerBound >= end && name.range.upperBound <= value.range.lowerBound)
        precondition(value.range.upperBound <= bytes.byteCount)
        end = value.range.upperBound
        for part in [name, value] {
            var length = 0
            part.forEachPiece(in: bytes) { length += $0.byteCount }
            // An escape is at least as long as what it stands for.
            precondition(length <= part.range.count)
        }
    }
    let check: (RawSpan, JSONValue, JSONValue) -> Void = { bytes, name, value in
        precondition(name.range.upperBound <= value.range.lowerBound && value.range.upperBound <= bytes.byteCount)
    }
    JSONText(text).forEachMember(behind: "snapshot", check)
    JSONText(text).forEachMember(but: "columns", shortest: 0, check)
    for line in StatusLine.lines(of: RequestValue(text)) {
        precondition(line.text.count <= text.count)
        _ = (line.messageText, line.severity, line.sourceLine)
    }
    for part in RequestValue(text).batchElements() { precondition(part.count <= text.count) }
    _ = try? QueryContext(RequestValue(text))
    if let root = JSONElement(text) { walk(root, depth: 0) }
}

private func walk(_ element: JSONElement, depth: Int) {
    _ = (element.string, element.integer, element.source)
    guard depth < 8 else { return }
    for member in element.members ?? [] { walk(member.value, depth: depth + 1) }
    for part in element.elements ?? [] { walk(part, depth: depth + 1) }
}
