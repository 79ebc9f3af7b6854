import Thrift

/// One of osqueryd's own log lines: a JSON object with the members `s`, `f`, `i`, `m`, `h`, `c` and `u`
/// (osquery: logger/logger.cpp, serializeIntermediateLog).
public struct StatusLine: Sendable {
    /// glog's severities, as osqueryd sends them.
    public enum Severity: Int, Sendable, CaseIterable {
        /// Something that is in order.
        case info = 0
        /// Something that may be wrong; osqueryd goes on.
        case warning = 1
        /// Something that failed.
        case error = 2
        /// What made osqueryd end.
        case fatal = 3
    }

    /// The line's JSON, exactly as it came.
    public let text: RequestValue
    /// How serious the line is; nil if the text does not tell.
    public let severity: Severity?
    package let file, line, message, hostIdentifier, calendarTime, unixTime: JSONValue?

    /// The line that `text` is; members that it lacks are nil.
    public init(_ text: RequestValue) {
        var members = Members()
        JSONText(text.slice).forEachMember { members.take($1, $2, in: $0) }
        self.init(text, members)
    }

    private init(_ text: RequestValue, _ members: Members) {
        self.text = text
        severity = members.severity
        file = members.values[Member.file.index]
        line = members.values[Member.line.index]
        message = members.values[Member.message.index]
        hostIdentifier = members.values[Member.hostIdentifier.index]
        calendarTime = members.values[Member.calendarTime.index]
        unixTime = members.values[Member.unixTime.index]
    }

    /// The members seen so far, of their names the first letter, which is all there is.
    private struct Members {
        var values = InlineArray<7, JSONValue?>(repeating: nil)
        var severity: Severity?

        mutating func take(_ name: JSONValue, _ value: JSONValue, in bytes: RawSpan) {
            guard name.range.count == 1, let member = Member(rawValue: bytes.byte(at: name.range.lowerBound)) else {
                return
            }
            values[member.index] = value
            if member == .severity { severity = Severity(in: bytes, value) }
        }
    }

    /// What osqueryd has to say, without the JSON around it.
    public var messageText: String? { string(message) }
    /// The source file that says it.
    public var sourceFile: String? { string(file) }
    /// The line in the source file.
    public var sourceLine: Int? { string(line).flatMap(Int.init) }
    /// The host, as `--host_identifier` chooses.
    public var host: String? { string(hostIdentifier) }
    /// When, in seconds since 1970.
    public var time: Int64? { string(unixTime).flatMap(Int64.init) }

    private func string(_ value: JSONValue?) -> String? {
        value.map { value in
            text.withBytes { value.string(in: $0) }
        }
    }

    private enum Member: UInt8 {
        case severity = 0x73  // s
        case file = 0x66  // f
        case line = 0x69  // i
        case message = 0x6D  // m
        case hostIdentifier = 0x68  // h
        case calendarTime = 0x63  // c
        case unixTime = 0x75  // u

        var index: Int {
            switch self {
            case .severity: 0
            case .file: 1
            case .line: 2
            case .message: 3
            case .hostIdentifier: 4
            case .calendarTime: 5
            case .unixTime: 6
            }
        }
    }
}

extension StatusLine {
    /// The lines of a status request: the elements of an array; osqueryd 2.x sent `{"":{…},"":{…}}`.
    ///
    /// Text that is neither is one line, whole.
    static func lines(of text: RequestValue) -> [StatusLine] {
        if let lines = objects(of: text) { return lines }
        guard let elements = JSONText(text.slice).elements() else { return [StatusLine(text)] }
        let isObject = text.withBytes { bytes in
            var scanner = JSONScanner()
            return scanner.peek(in: bytes) == UInt8(ascii: "{")
        }
        if isObject && elements.contains(where: { $0.kind != .object }) { return [StatusLine(text)] }
        return elements.map { StatusLine(text.part($0)) }
    }

    /// Bytes in a line, rather too few than too many.
    private static let usualLength = 128

    /// The lines of an array of objects, which it nearly always is, in one pass; nil where it is anything else.
    private static func objects(of text: RequestValue) -> [StatusLine]? {
        var lines: [StatusLine] = []
        lines.reserveCapacity(text.count / usualLength + 1)
        let isArray = text.withBytes { bytes in
            var scanner = JSONScanner()
            return JSONText.forEachElement(in: bytes, &scanner, open: "[", close: "]") { scanner in
                guard scanner.peek(in: bytes) == UInt8(ascii: "{") else { return false }
                // A line's values are counted from its own beginning.
                let start = scanner.position
                var lineScanner = JSONScanner()
                var members = Members()
                guard
                    JSONText.forEachMember(
                        in: bytes.extracting(start..<bytes.byteCount), &lineScanner,
                        { members.take($1, $2, in: $0) })
                else { return false }
                scanner = JSONScanner(at: start + lineScanner.position)
                lines.append(StatusLine(RequestValue(text.slice[start..<scanner.position]), members))
                return true
            } && scanner.isAtEnd(of: bytes)
        }
        return isArray ? lines : nil
    }
}

extension StatusLine.Severity {
    fileprivate init?(in bytes: RawSpan, _ value: JSONValue) {
        guard value.range.count == 1 else { return nil }
        self.init(rawValue: Int(bytes.byte(at: value.range.lowerBound)) - 0x30)
    }
}

extension RequestValue {
    /// The bytes of a value within this text, a string's with its quotes.
    func part(_ value: JSONValue) -> RequestValue {
        let quotes = value.kind == .string ? 1 : 0
        return RequestValue(slice[value.range.lowerBound - quotes..<value.range.upperBound + quotes])
    }
}
