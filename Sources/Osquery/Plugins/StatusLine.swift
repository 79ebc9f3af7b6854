import Thrift

/// One of osqueryd's own log lines: a JSON object with the members `s`, `f`, `i`, `m`, `h`, `c` and `u`
/// (osquery: core/plugins/logger.cpp, serializeIntermediateLog).
public struct StatusLine: Sendable {
    /// glog's severities, as osqueryd sends them.
    public enum Severity: Int, Sendable, CaseIterable {
        case info = 0
        case warning = 1
        case error = 2
        case fatal = 3
    }

    /// The line's JSON, exactly as it came.
    public let text: LogText
    /// How grave; nil where the text does not tell.
    public let severity: Severity?
    package let file, line, message, hostIdentifier, calendarTime, unixTime: JSONValue?

    /// The line that `text` is; members that it lacks are nil.
    public init(_ text: LogText) {
        var members = InlineArray<7, JSONValue?>(repeating: nil)
        var severity: Severity?
        JSONText(text.bytes).forEachMember { bytes, name, value in
            guard name.range.count == 1, let member = Member(rawValue: bytes.byte(at: name.range.lowerBound)) else {
                return
            }
            members[member.index] = value
            if member == .severity { severity = Severity(in: bytes, value) }
        }
        self.text = text
        self.severity = severity
        file = members[Member.file.index]
        line = members[Member.line.index]
        message = members[Member.message.index]
        hostIdentifier = members[Member.hostIdentifier.index]
        calendarTime = members[Member.calendarTime.index]
        unixTime = members[Member.unixTime.index]
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
    static func lines(of text: LogText) -> [StatusLine] {
        guard let elements = JSONText(text.bytes).elements() else { return [StatusLine(text)] }
        let isObject = text.withBytes { bytes in
            var scanner = JSONScanner()
            return scanner.peek(in: bytes) == UInt8(ascii: "{")
        }
        if isObject && elements.contains(where: { $0.kind != .object }) { return [StatusLine(text)] }
        return elements.map { StatusLine(text.part($0)) }
    }
}

extension StatusLine.Severity {
    fileprivate init?(in bytes: RawSpan, _ value: JSONValue) {
        guard value.range.count == 1 else { return nil }
        self.init(rawValue: Int(bytes.byte(at: value.range.lowerBound)) - 0x30)
    }
}

extension LogText {
    /// The bytes of a value within this text, a string's with its quotes.
    func part(_ value: JSONValue) -> LogText {
        let quotes = value.kind == .string ? 1 : 0
        return LogText(bytes[value.range.lowerBound - quotes..<value.range.upperBound + quotes])
    }
}
