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

    /// The same for a text whose first member, called `name`, is an array of any length that shall not be walked over: for its
    /// members behind that one, if they are found from the text's end.
    ///
    /// It is meant for what osqueryd makes of a snapshot: all rows first, and behind them members of which none is an array
    /// (osquery: core/query.cpp, serializeQueryLogItem).
    ///
    /// - Returns: Whether the text is of that kind; where it is not, `body` was not called.
    @discardableResult
    package func forEachMember(
        behind name: StaticString, _ body: (RawSpan, _ name: JSONValue, _ value: JSONValue) -> Void
    ) -> Bool {
        bytes.withBytes { bytes in
            guard bytes.begins(with: name), let start = Self.tail(in: bytes, closedBy: "]") else { return false }
            var scanner = JSONScanner(at: start)
            return Self.forEachMemberOfTail(in: bytes, &scanner, body)
        }
    }

    /// The same for a text of which a member, called `name`, is an object of any length that shall not be walked over: for all others.
    ///
    /// It is meant for what osqueryd makes of a row that has changed: decorations come before the row, and nothing behind it is an
    /// object (osquery: core/query.cpp, serializeQueryLogItem).
    ///
    /// - Parameter shortest: The bytes from that member on, below which walking is faster.
    @discardableResult
    package func forEachMember(
        but name: StaticString, shortest: Int = 4096, _ body: (RawSpan, _ name: JSONValue, _ value: JSONValue) -> Void
    ) -> Bool {
        bytes.withBytes { bytes in
            var scanner = JSONScanner()
            return Self.forEachElement(in: bytes, &scanner, open: "{", close: "}") { scanner in
                guard let member = Self.takeName(in: bytes, &scanner) else { return false }
                if bytes.byteCount - scanner.position >= shortest, member.isSpelled(name, in: bytes),
                    let end = Self.tail(in: bytes, closedBy: "}"), end > scanner.position
                {
                    scanner = JSONScanner(at: end)
                    return true
                }
                guard let value = scanner.takeValue(in: bytes) else { return false }
                body(bytes, member, value)
                return true
            } && scanner.isAtEnd(of: bytes)
        }
    }

    /// Behind the last member of the outermost object that ends with `closer`, if what follows is sound: `]}` alone may also be the end of
    /// a text that breaks off within a string.
    private static func tail(in bytes: RawSpan, closedBy closer: Unicode.Scalar) -> Int? {
        guard let start = JSONTailScanner.endOfMember(closedBy: UInt8(ascii: closer), in: bytes) else { return nil }
        var scanner = JSONScanner(at: start)
        guard scanner.peek(in: bytes) == UInt8(ascii: ",") else { return nil }
        return forEachMemberOfTail(in: bytes, &scanner) { _, _, _ in } ? start : nil
    }

    private static func forEachMemberOfTail(
        in bytes: RawSpan, _ scanner: inout JSONScanner, _ body: (RawSpan, JSONValue, JSONValue) -> Void
    ) -> Bool {
        while scanner.take(UInt8(ascii: ","), in: bytes) {
            guard let member = takeMember(in: bytes, &scanner) else { return false }
            body(bytes, member.name, member.value)
        }
        return scanner.take(UInt8(ascii: "}"), in: bytes) && scanner.isAtEnd(of: bytes)
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

    static func forEachMember(
        in bytes: RawSpan, _ scanner: inout JSONScanner, _ body: (RawSpan, JSONValue, JSONValue) -> Void
    ) -> Bool {
        forEachElement(in: bytes, &scanner, open: "{", close: "}") { scanner in
            guard let member = takeMember(in: bytes, &scanner) else { return false }
            body(bytes, member.name, member.value)
            return true
        }
    }

    private static func takeMember(
        in bytes: RawSpan, _ scanner: inout JSONScanner
    ) -> (name: JSONValue, value: JSONValue)? {
        guard let name = takeName(in: bytes, &scanner), let value = scanner.takeValue(in: bytes) else { return nil }
        return (name, value)
    }

    /// A member's name, and the colon behind it.
    private static func takeName(in bytes: RawSpan, _ scanner: inout JSONScanner) -> JSONValue? {
        guard let name = scanner.takeValue(in: bytes), name.kind == .string, scanner.take(UInt8(ascii: ":"), in: bytes)
        else { return nil }
        return name
    }

    /// Calls `takeElement` for each element between `open` and `close`; true when the container ended as it should.
    static func forEachElement(
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

extension RawSpan {
    /// Whether these bytes are `{"name":[` and more, as osqueryd writes them, without white space.
    fileprivate func begins(with name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        guard byteCount > length + 5 else { return false }
        let marks: [(offset: Int, byte: Unicode.Scalar)] = [
            (0, "{"), (1, "\""), (length + 2, "\""), (length + 3, ":"), (length + 4, "["),
        ]
        return marks.allSatisfy { byte(at: $0.offset) == UInt8(ascii: $0.byte) }
            && JSONValue(kind: .string, range: 2..<2 + length).isSpelled(name, in: self)
    }
}
