import Thrift

/// What osqueryd asks of a logger. The kinds are told apart as osquery's own SDK does, by the key that is there
/// (osquery: core/plugins/logger.cpp, LoggerPlugin::call).
enum LoggerRequest {
    case string(RequestValue)
    case batch([RequestValue])
    case snapshot(RequestValue)
    case health(RequestValue)
    /// Older osqueryd sends what was said before the logger was there along with it.
    case initialize(RequestValue, [StatusLine]?)
    case status([StatusLine])
    case event(RequestValue)
    case features
    /// What it is that no logger knows, as the rest of a sentence.
    case unknown(String)

    init(_ request: PluginRequest) {
        if let text = request["string"] {
            self = .string(text)
            return
        }
        let entries = Entries(request)
        if let batch = entries.batch {
            self = .batch(batch.batchElements())
        } else if let text = entries.snapshot {
            self = .snapshot(text)
        } else if let text = entries.health {
            self = .health(text)
        } else if let processName = entries.initialize {
            let log = entries.log.flatMap { $0.count > 0 ? $0 : nil }
            self = .initialize(processName, log.map(StatusLine.lines))
        } else if entries.status != nil, let log = entries.log {
            self = .status(StatusLine.lines(of: log))
        } else if let text = entries.event {
            self = .event(text)
        } else if let action = entries.action {
            self = action.slice == "features" ? .features : .unknown("action “\(action)”; it knows “features”.")
        } else {
            self = .unknown(
                "request with the keys \(request.keys); it knows string, string_batch, snapshot, health, init, status with "
                    + "log, event and action.")
        }
    }

    /// The entries besides `string` that mean something to a logger.
    private struct Entries {
        var batch, snapshot, health, initialize, status, log, event, action: RequestValue?

        init(_ request: PluginRequest) {
            request.forEachEntry { key, value in
                let text = RequestValue(value)
                if key == "log" {
                    log = text
                } else if key == "status" {
                    status = text
                } else if key == "snapshot" {
                    snapshot = text
                } else if key == "string_batch" {
                    batch = text
                } else if key == "health" {
                    health = text
                } else if key == "init" {
                    initialize = text
                } else if key == "event" {
                    event = text
                } else if key == "action" {
                    action = text
                }
            }
        }
    }
}

extension LoggerFeatures {
    /// The answer to `features`: the bits stand in the status code.
    var response: ExtensionResponse { ExtensionResponse(status: ExtensionStatus(code: rawValue)) }
}

extension RequestValue {
    /// The texts of a `string_batch`: the strings of a JSON array. Text that is no such array is one text, whole.
    func batchElements() -> [RequestValue] {
        var scanner = JSONScanner()
        guard withBytes({ scanner.peek(in: $0) }) == UInt8(ascii: "["), let elements = JSONText(slice).elements() else {
            return [self]
        }
        return elements.map { element in
            guard element.hasEscapes else {
                return element.kind == .string ? RequestValue(slice[element.range]) : part(element)
            }
            let unescaped = ByteBuffer(capacity: element.range.count)
            withBytes { text in
                element.forEachPiece(in: text) { piece in piece.withUnsafeBytes { unescaped.append($0) } }
            }
            return RequestValue(unescaped[0..<unescaped.count])
        }
    }
}
