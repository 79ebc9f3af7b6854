package import Thrift

/// A JSON value in its text, looked into level by level: nothing is built, and nesting costs no stack.
package struct JSONElement: Sendable {
    private let text: ByteSlice
    private let value: JSONValue

    init(_ value: JSONValue, in text: ByteSlice) {
        self.text = text
        self.value = value
    }

    /// The value that all of `text` is; nil where it is none.
    package init?(_ text: ByteSlice) {
        let value: JSONValue? = text.withBytes { bytes in
            var scanner = JSONScanner()
            guard let value = scanner.takeValue(in: bytes), scanner.isAtEnd(of: bytes) else { return nil }
            return value
        }
        guard let value else { return nil }
        self.init(value, in: text)
    }

    package init?(_ text: String) {
        self.init(ByteSlice(text))
    }

    package var kind: JSONValue.Kind { value.kind }

    /// The value's text, a string's with its quotes.
    package var source: String { RequestValue(text).part(value).description }

    /// A string's value, or a number's, `true`'s or `false`'s text; nil for `null`, objects and arrays.
    package var string: String? {
        switch value.kind {
        case .string: text.withBytes { value.string(in: $0) }
        case .scalar: isNull ? nil : text[value.range].string
        case .object, .array: nil
        }
    }

    package var isNull: Bool { value.kind == .scalar && text[value.range] == "null" }

    /// A number, which older versions of osquery write as a string.
    package var integer: Int64? { string.flatMap { Int64($0) ?? Double($0).flatMap(Int64.init(exactly:)) } }

    /// An object's members, in order; nil where this is no object, or a broken one.
    package var members: [(name: String, value: JSONElement)]? {
        guard value.kind == .object else { return nil }
        var members: [(name: String, value: JSONElement)] = []
        let isWhole = JSONText(text[value.range]).forEachMember { _, name, member in
            let part = text[value.range]
            members.append((JSONElement(name, in: part).string ?? "", JSONElement(member, in: part)))
        }
        return isWhole ? members : nil
    }

    /// An object's member of this name.
    package subscript(name: String) -> JSONElement? {
        members?.first { $0.name == name }?.value
    }

    /// An array's elements; nil where this is no array, or a broken one.
    package var elements: [JSONElement]? {
        guard value.kind == .array else { return nil }
        let part = text[value.range]
        return JSONText(part).elements()?.map { JSONElement($0, in: part) }
    }
}

extension RequestValue {
    /// A string that is a member of the JSON object which this text is.
    package func jsonMember(_ name: String) -> String? {
        JSONElement(slice)?[name]?.string
    }
}
