package import Thrift

/// JSON text whose outermost level is looked at.
package struct JSONText: Sendable {
    package let bytes: ByteSlice

    package init(_ bytes: ByteSlice) {
        self.bytes = bytes
    }

    /// Calls `body` with the name and value of each member, in order, when the text is an object. One pass.
    ///
    /// - Returns: Whether the text is an object and nothing else. Where it is not, `body` may have had the first members.
    @discardableResult
    package func forEachMember(_ body: (RawSpan, _ name: JSONValue, _ value: JSONValue) -> Void) -> Bool {
        bytes.withBytes { bytes in
            var scanner = JSONScanner()
            return Self.forEachMember(in: bytes, &scanner, body) && scanner.isAtEnd(of: bytes)
        }
    }

    /// The same for the members of an object within this text.
    package static func forEachMember(
        of object: JSONValue, in bytes: RawSpan, _ body: (RawSpan, _ name: JSONValue, _ value: JSONValue) -> Void
    ) {
        var scanner = JSONScanner(at: object.range.lowerBound)
        _ = forEachMember(in: bytes, &scanner, body)
    }

    /// The elements of an array, or the values of an object; nil when the text is neither, or something else besides.
    func elements() -> [JSONValue]? {
        bytes.withBytes { bytes in
            var scanner = JSONScanner()
            var elements: [JSONValue] = []
            if scanner.peek(in: bytes) == UInt8(ascii: "{") {
                guard Self.forEachMember(in: bytes, &scanner, { elements.append($2) }) else { return nil }
            } else {
                let isArray = Self.forEachElement(in: bytes, &scanner, open: "[", close: "]") { scanner in
                    guard let value = scanner.takeValue(in: bytes) else { return false }
                    elements.append(value)
                    return true
                }
                guard isArray else { return nil }
            }
            return scanner.isAtEnd(of: bytes) ? elements : nil
        }
    }

    private static func forEachMember(
        in bytes: RawSpan, _ scanner: inout JSONScanner, _ body: (RawSpan, JSONValue, JSONValue) -> Void
    ) -> Bool {
        forEachElement(in: bytes, &scanner, open: "{", close: "}") { scanner in
            guard let name = scanner.takeValue(in: bytes), name.kind == .string,
                scanner.take(UInt8(ascii: ":"), in: bytes), let value = scanner.takeValue(in: bytes)
            else { return false }
            body(bytes, name, value)
            return true
        }
    }

    /// Calls `takeElement` for each element between `open` and `close`; true when the container ended as it should.
    private static func forEachElement(
        in bytes: RawSpan, _ scanner: inout JSONScanner, open: Unicode.Scalar, close: Unicode.Scalar,
        _ takeElement: (inout JSONScanner) -> Bool
    ) -> Bool {
        guard scanner.take(UInt8(ascii: open), in: bytes) else { return false }
        if scanner.take(UInt8(ascii: close), in: bytes) { return true }
        repeat {
            guard takeElement(&scanner) else { return false }
        } while scanner.take(UInt8(ascii: ","), in: bytes)
        return scanner.take(UInt8(ascii: close), in: bytes)
    }
}
