/// A plugin that never suspends. It is called as it is, without the task that an `async` function needs: 3,700 instructions a line,
/// a seventh of what a line takes altogether.
package protocol SynchronousPlugin: ExtensionPlugin {
    /// ``ExtensionPlugin/call(_:)`` for those who cannot wait.
    func answer(_ request: PluginRequest) throws -> ExtensionResponse
}

/// A logger that never suspends; its functions are those of ``LoggerPlugin``.
package protocol SynchronousLoggerPlugin: LoggerPlugin, SynchronousPlugin {
    func logString(_ text: RequestValue) throws
    func logSnapshot(_ text: RequestValue) throws
    func logStatus(_ lines: [StatusLine]) throws
    func logInit(_ processName: RequestValue) throws
    func logHealth(_ text: RequestValue) throws
    func logEvent(_ text: RequestValue) throws
}

extension SynchronousLoggerPlugin {
    package func answer(_ request: PluginRequest) throws -> ExtensionResponse {
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
