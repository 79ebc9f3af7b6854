import ArgumentParser
import Osquery

/// The variables that there are: documentation that cannot lag behind.
struct Variables: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the environment variables that the extension reads, with their defaults.")

    @Flag(help: "Print JSON: an array of objects with name, meaning and default.")
    var json = false

    func run() {
        if json {
            var writer = JSONWriter()
            writer.array { json in
                for variable in Variable.allCases {
                    json.object([
                        "name": variable.rawValue, "meaning": variable.meaning, "default": variable.defaultValue,
                    ])
                }
            }
            print(writer.text)
        } else {
            for variable in Variable.allCases {
                print("\(variable.rawValue) (\(variable.defaultValue))\n    \(variable.meaning)")
            }
        }
    }
}
