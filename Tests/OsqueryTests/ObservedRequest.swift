import Foundation
import Testing

/// What a running osqueryd sent to plugins: Fixtures/observed-requests.jsonl.
struct ObservedRequest: Decodable {
    let registry: String
    let item: String
    let request: [String: String]

    static let all: [ObservedRequest] = {
        let url = Bundle.module.url(forResource: "Fixtures/observed-requests", withExtension: "jsonl")!
        let lines = try! String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        return lines.map { try! JSONDecoder().decode(ObservedRequest.self, from: Data($0.utf8)) }
    }()
}
