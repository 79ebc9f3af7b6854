/// A logger that never suspends. Its functions are those of ``LoggerPlugin``, without `async`.
///
/// A logger is called for each row that osqueryd logs. Choose this protocol where that matters and the logger has nothing to wait for but
/// the kernel. It may block, as every plugin may.
///
/// Write none of the functions with `async`: an `async` ``LoggerPlugin/logInit(_:)``, ``LoggerPlugin/logHealth(_:)`` or
/// ``LoggerPlugin/logEvent(_:)`` compiles, and is not called.
public protocol SynchronousLoggerPlugin: LoggerPlugin, SynchronousPlugin {
    /// A result: one row (`--logger_event_type=true`, the default) or one batch of added and removed rows, as JSON.
    func logString(_ text: RequestValue) throws
    /// The whole result of a snapshot query, as JSON; may be many megabytes.
    func logSnapshot(_ text: RequestValue) throws
    /// osqueryd's own log lines, in order.
    func logStatus(_ lines: [StatusLine]) throws
    /// osqueryd starts logging. Called once, and not again when the extension was restarted.
    ///
    /// - Parameter processName: Who logs, `osqueryd` mostly.
    func logInit(_ processName: RequestValue) throws
    /// A report on osqueryd's health. Logged like a result, unless said otherwise.
    func logHealth(_ text: RequestValue) throws
    /// An event, which comes only with the feature ``LoggerFeatures/events``. Logged like a result, unless said otherwise.
    func logEvent(_ text: RequestValue) throws
}

extension SynchronousLoggerPlugin {
    /// Nothing is done.
    public func logInit(_ processName: RequestValue) throws {}

    /// Logged like a result.
    public func logHealth(_ text: RequestValue) throws {
        try logString(text)
    }

    /// Logged like a result.
    public func logEvent(_ text: RequestValue) throws {
        try logString(text)
    }

    /// The answer of ``answer(_:)``, for those who call the plugin without osqueryd.
    public func call(_ request: PluginRequest) async throws -> ExtensionResponse {
        try answer(request)
    }

    /// Calls the function for the kind of log that the request is.
    public func answer(_ request: PluginRequest) throws -> ExtensionResponse {
        switch LoggerRequest(request) {
        case .string(let text): try logString(text)
        case .batch(let texts): for text in texts { try logString(text) }
        case .snapshot(let text): try logSnapshot(text)
        case .health(let text): try logHealth(text)
        case .initialize(let processName, let lines):
            try logInit(processName)
            if let lines { try logStatus(lines) }
        case .status(let lines): try logStatus(lines)
        case .event(let text): try logEvent(text)
        case .features: return features.response
        case .unknown(let problem): return .failure("The logger “\(name)” knows no \(problem)")
        }
        return ExtensionResponse()
    }
}
