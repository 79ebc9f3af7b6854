/// What a logger wants to be sent besides results (osquery: core/plugins/logger.h, LoggerFeatures).
public struct LoggerFeatures: OptionSet, Sendable {
    /// The features as osquery's bits.
    public let rawValue: Int32

    /// The features that these bits mean to osquery.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// osqueryd's own log lines, instead of its writing them to files itself.
    public static let statusLines = LoggerFeatures(rawValue: 1)
    /// Each event of osquery's event publishers.
    public static let events = LoggerFeatures(rawValue: 2)
}

/// A logger, to be named by osqueryd's `--logger_plugin`: one function for each kind of log.
///
/// **An error thrown for a result or a snapshot makes osqueryd shut down, and the rows are lost** (osquery issue 7100). Throw
/// only when there is nothing left that could keep the line.
public protocol LoggerPlugin: ExtensionPlugin {
    /// Status lines, unless said otherwise.
    var features: LoggerFeatures { get }

    /// A result: one row (`--logger_event_type=true`, the default) or one batch of added and removed rows, as JSON.
    func logString(_ text: RequestValue) async throws
    /// The whole result of a snapshot query, as JSON; may be many megabytes.
    func logSnapshot(_ text: RequestValue) async throws
    /// osqueryd's own log lines, in order.
    func logStatus(_ lines: [StatusLine]) async throws
    /// osqueryd starts logging. Called once, and not again when the extension was restarted.
    ///
    /// - Parameter processName: Who logs, `osqueryd` mostly.
    func logInit(_ processName: RequestValue) async throws
    /// A report on osqueryd's health. Logged like a result, unless said otherwise.
    func logHealth(_ text: RequestValue) async throws
    /// An event, which comes only with the feature ``LoggerFeatures/events``. Logged like a result, unless said otherwise.
    func logEvent(_ text: RequestValue) async throws
}

extension LoggerPlugin {
    /// The registry that osqueryd has the plugin in.
    public static var registry: PluginRegistry { .logger }

    /// Status lines.
    public var features: LoggerFeatures { .statusLines }

    /// Nothing is done.
    public func logInit(_ processName: RequestValue) async throws {}

    /// Logged like a result.
    public func logHealth(_ text: RequestValue) async throws {
        try await logString(text)
    }

    /// Logged like a result.
    public func logEvent(_ text: RequestValue) async throws {
        try await logString(text)
    }

    /// Calls the function for the kind of log that the request is.
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        switch LoggerRequest(request) {
        case .string(let text): try await logString(text)
        case .batch(let texts): for text in texts { try await logString(text) }
        case .snapshot(let text): try await logSnapshot(text)
        case .health(let text): try await logHealth(text)
        case .initialize(let processName, let lines):
            try await logInit(processName)
            if let lines { try await logStatus(lines) }
        case .status(let lines): try await logStatus(lines)
        case .event(let text): try await logEvent(text)
        case .features: return features.response
        case .unknown(let problem): return .failure("The logger “\(name)” knows no \(problem)")
        }
        return ExtensionResponse()
    }
}
