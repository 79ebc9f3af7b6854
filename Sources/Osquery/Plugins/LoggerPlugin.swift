import Thrift

/// What a logger wants to be sent besides results (osquery: core/plugins/logger.h, LoggerFeatures).
public struct LoggerFeatures: OptionSet, Sendable {
    /// The bits, or the number, that osquery has for it.
    public let rawValue: Int32

    /// The option, or the operator, of a number that osquery has for it.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// osqueryd's own log lines, instead of its writing them to files itself.
    public static let statusLines = LoggerFeatures(rawValue: 1)
    /// Each event of osquery's event publishers.
    public static let events = LoggerFeatures(rawValue: 2)
}

/// A logger, to be named by osqueryd's `--logger_plugin`: one function a kind of log.
///
/// **An error thrown for a result or a snapshot makes osqueryd shut down, and the rows are lost** (osquery issue 7100). Throw
/// only when there is nothing left that could keep the line.
public protocol LoggerPlugin: ExtensionPlugin {
    /// Status lines, unless said otherwise.
    var features: LoggerFeatures { get }

    /// A result: one row (`--logger_event_type=true`, the default) or one batch of added and removed rows, as JSON.
    func logString(_ text: LogText) async throws
    /// The whole result of a snapshot query, as JSON; may be many megabytes.
    func logSnapshot(_ text: LogText) async throws
    /// osqueryd's own log lines, in order.
    func logStatus(_ lines: [StatusLine]) async throws
    /// osqueryd starts logging. Called once, and not again when the extension was restarted.
    ///
    /// - Parameter processName: Who logs, `osqueryd` mostly.
    func logInit(_ processName: LogText) async throws
    /// A report on osqueryd's health. Logged like a result, unless said otherwise.
    func logHealth(_ text: LogText) async throws
    /// An event, which comes only with the feature ``LoggerFeatures/events``. Logged like a result, unless said otherwise.
    func logEvent(_ text: LogText) async throws
}

extension LoggerPlugin {
    /// The registry that osqueryd has the plugin in.
    public static var registry: PluginRegistry { .logger }

    /// Status lines.
    public var features: LoggerFeatures { .statusLines }

    /// Nothing is done.
    public func logInit(_ processName: LogText) async throws {}

    /// Logged like a result.
    public func logHealth(_ text: LogText) async throws {
        try await logString(text)
    }

    /// Logged like a result.
    public func logEvent(_ text: LogText) async throws {
        try await logString(text)
    }

    /// Tells the kinds of request apart as osquery's own SDK does, by the key that is there
    /// (osquery: core/plugins/logger.cpp, LoggerPlugin::call).
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        if let text = request["string"] {
            try await logString(text)
        } else if let batch = request["string_batch"] {
            for text in batch.batchElements() { try await logString(text) }
        } else if let text = request["snapshot"] {
            try await logSnapshot(text)
        } else if let text = request["health"] {
            try await logHealth(text)
        } else if let processName = request["init"] {
            try await logInit(processName)
            // Older osqueryd sends what was said before the logger was there along with it.
            if let log = request["log"], log.count > 0 { try await logStatus(StatusLine.lines(of: log)) }
        } else if request["status"] != nil, let log = request["log"] {
            try await logStatus(StatusLine.lines(of: log))
        } else if let text = request["event"] {
            try await logEvent(text)
        } else if let action = request["action"] {
            guard action.bytes == "features" else {
                return .failure("The logger “\(name)” knows no action “\(action)”; it knows “features”.")
            }
            return ExtensionResponse(status: ExtensionStatus(code: features.rawValue))
        } else {
            return .failure(
                "The logger “\(name)” knows no request with the keys \(request.keys); it knows string, string_batch, "
                    + "snapshot, health, init, status with log, event and action.")
        }
        return ExtensionResponse()
    }
}

extension LogText {
    /// The texts of a `string_batch`: the strings of a JSON array. Text that is no such array is one text, whole.
    func batchElements() -> [LogText] {
        var scanner = JSONScanner()
        guard withBytes({ scanner.peek(in: $0) }) == UInt8(ascii: "["), let elements = JSONText(bytes).elements() else {
            return [self]
        }
        return elements.map { element in
            guard element.hasEscapes else {
                return element.kind == .string ? LogText(bytes[element.range]) : part(element)
            }
            let unescaped = ByteBuffer(capacity: element.range.count)
            withBytes { text in
                element.forEachPiece(in: text) { piece in piece.withUnsafeBytes { unescaped.append($0) } }
            }
            return LogText(unescaped[0..<unescaped.count])
        }
    }
}
