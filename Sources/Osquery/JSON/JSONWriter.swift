/// Writes JSON text.
package struct JSONWriter {
    package private(set) var text = ""
    private var needsComma = false

    package init() {}

    package mutating func object(_ writeMembers: (inout JSONWriter) -> Void) {
        container("{", "}", writeMembers)
    }

    package mutating func array(_ writeElements: (inout JSONWriter) -> Void) {
        container("[", "]", writeElements)
    }

    /// A member of the object being written.
    package mutating func member(_ name: String, _ writeValue: (inout JSONWriter) -> Void) {
        string(name)
        text += ":"
        needsComma = false
        writeValue(&self)
    }

    package mutating func string(_ value: String) {
        separate()
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    package mutating func number(_ value: some BinaryInteger) {
        separate()
        text += String(value)
    }

    /// A number with a fraction, which must be finite: JSON has no other.
    package mutating func number(_ value: Double) {
        separate()
        text += "\(value)"
    }

    package mutating func null() {
        separate()
        text += "null"
    }

    /// An object of strings, in order of their names.
    package mutating func object(_ members: [String: String]) {
        object { json in
            for (name, value) in members.sorted(by: { $0.key < $1.key }) { json.member(name) { $0.string(value) } }
        }
    }

    private mutating func container(_ open: String, _ close: String, _ write: (inout JSONWriter) -> Void) {
        separate()
        text += open
        needsComma = false
        write(&self)
        text += close
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { text += "," }
        needsComma = true
    }
}
