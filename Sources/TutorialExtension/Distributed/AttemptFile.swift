import Osquery
import SystemCalls

/// What osqueryd was given, in a file: what is counted outlives this process.
struct AttemptFile {
    private static let limit = 1 << 20

    private let folder: QueryFolder
    /// What was written last.
    private var text = ""

    init(in folder: QueryFolder) {
        self.folder = folder
    }

    private var path: String { "\(folder.descriptorPath)/.attempts" }

    /// The attempts by the names of the queries' files; none where there is no such file, or a broken one.
    mutating func read() -> [String: Attempt] {
        guard let bytes = try? readFile(at: path, limit: Self.limit) else { return [:] }
        text = String(decoding: bytes, as: UTF8.self)
        let members = JSONElement(text)?.members ?? []
        return Dictionary(
            members.compactMap { name, value in Attempt(value).map { (name, $0) } }, uniquingKeysWith: { $1 })
    }

    /// Writes them where they have changed.
    mutating func write(_ attempts: [String: Attempt]) throws(SystemError) {
        var json = JSONWriter()
        json.object { json in
            for (name, attempt) in attempts.sorted(by: { $0.key < $1.key }) {
                json.member(name) { attempt.write(to: &$0) }
            }
        }
        guard json.text != text, !(attempts.isEmpty && text.isEmpty) else { return }
        try replaceFile(at: path, by: ".attempts.new", with: Array(json.text.utf8))
        text = json.text
    }
}
