import Osquery

/// A line of input: which plugin to call, and with what.
struct StandInRequest {
    let registry: PluginRegistry
    let item: String
    let request: [String: String]

    init(_ line: String) throws(StandInRequestError) {
        guard let members = JSONElement(line)?.members else {
            throw StandInRequestError("The line is not a JSON object: \(line.prefix(200))")
        }
        var registry: PluginRegistry?
        var item: String?
        var request: [String: String]?
        for (name, value) in members {
            switch name {
            case "registry":
                let text = try value.text("“registry”")
                registry = PluginRegistry(rawValue: text)
                if registry == nil {
                    let known = PluginRegistry.allCases.map(\.rawValue).joined(separator: ", ")
                    throw StandInRequestError("There is no registry “\(text)”. The registries are: \(known).")
                }
            case "item": item = try value.text("“item”")
            case "request": request = try value.texts()
            default:
                throw StandInRequestError(
                    "A request has no member “\(name)”. Its members are registry, item and request.")
            }
        }
        guard let registry else { throw .missing("registry") }
        guard let item else { throw .missing("item") }
        guard let request else { throw .missing("request") }
        self.registry = registry
        self.item = item
        self.request = request
    }
}

/// Why a line is not a request.
struct StandInRequestError: Error, CustomStringConvertible {
    /// What is wrong, as a sentence.
    let description: String

    init(_ description: String) {
        self.description = description
    }

    static func missing(_ name: String) -> StandInRequestError {
        StandInRequestError("The member “\(name)” is missing. A request has the members registry, item and request.")
    }
}

extension JSONElement {
    fileprivate func text(_ subject: String) throws(StandInRequestError) -> String {
        guard kind == .string, let string else {
            throw StandInRequestError("The value of \(subject) is not a string: \(source.prefix(200))")
        }
        return string
    }

    fileprivate func texts() throws(StandInRequestError) -> [String: String] {
        guard let members else {
            throw StandInRequestError("The value of “request” is not an object of strings: \(source.prefix(200))")
        }
        var texts: [String: String] = [:]
        for (name, value) in members { texts[name] = try value.text("“\(name)” in “request”") }
        return texts
    }
}
