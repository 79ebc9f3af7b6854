@testable import Osquery
import SystemCalls
import Thrift

/// Says of which registry a ``RecordingPlugin`` is.
protocol RecordedRegistry { static var registry: PluginRegistry { get } }
enum TableRegistry: RecordedRegistry { static let registry = PluginRegistry.table }
enum LoggerRegistry: RecordedRegistry { static let registry = PluginRegistry.logger }
enum ConfigRegistry: RecordedRegistry { static let registry = PluginRegistry.config }
enum DistributedRegistry: RecordedRegistry { static let registry = PluginRegistry.distributed }

/// Keeps each request as it came, and answers all of them alike.
final class RecordingPlugin<Registry: RecordedRegistry>: ExtensionPlugin {
    static var registry: PluginRegistry { Registry.registry }
    let name: String
    let routes: [ExtensionResponse.Row]
    private let answer: ExtensionResponse
    private let recorded = Lock<[[String: String]]>([])

    init(_ name: String, routes: [ExtensionResponse.Row] = [], answer: ExtensionResponse = ExtensionResponse()) {
        self.name = name
        self.routes = routes
        self.answer = answer
    }

    var requests: [[String: String]] { recorded.withLock { $0 } }

    func call(_ request: PluginRequest) -> ExtensionResponse {
        var entries: [String: String] = [:]
        request.forEachEntry { entries[$0.string] = $1.string }
        recorded.withLock { $0.append(entries) }
        return answer
    }
}
