import Osquery

/// Something that an administrator would look at, and how it is.
struct Finding: Equatable {
    enum Level: String {
        case ok, warning, error
    }

    let level: Level
    /// What was found, as a sentence.
    let text: String
    /// The command, or the line of a file, that mends it.
    let remedy: String?

    static func ok(_ text: String) -> Finding { Finding(level: .ok, text: text, remedy: nil) }

    static func warning(_ text: String, _ remedy: String) -> Finding {
        Finding(level: .warning, text: text, remedy: remedy)
    }

    static func error(_ text: String, _ remedy: String) -> Finding {
        Finding(level: .error, text: text, remedy: remedy)
    }

    /// As it is printed for people: a line, and one more for what to do.
    var line: String {
        let word = level.rawValue + String(repeating: " ", count: 8 - level.rawValue.count)
        return word + text + (remedy.map { "\n        → \($0)" } ?? "")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("level") { $0.string(level.rawValue) }
            json.member("text") { $0.string(text) }
            if let remedy { json.member("remedy") { $0.string(remedy) } }
        }
    }
}
