import Glibc

/// The specifiers in the settings of a unit of the system (systemd.unit(5), “Specifiers”).
struct UnitSpecifiers {
    /// The unit's name.
    let name: String

    /// Puts what they stand for in place of them; nil where there is one that we do not know.
    func resolve(_ text: String) -> String? {
        var result = ""
        var rest = text[...]
        while let percent = rest.firstIndex(of: "%") {
            result += rest[..<percent]
            rest = rest[rest.index(after: percent)...]
            guard let specifier = rest.popFirst(), let value = value(specifier) else { return nil }
            result += value
        }
        return result + rest
    }

    private func value(_ specifier: Character) -> String? {
        switch specifier {
        case "%": "%"
        case "n": name
        case "N": withoutType
        case "p": prefix
        case "P": Self.unescaped(prefix)
        case "i": instance
        case "I": Self.unescaped(instance)
        case "j": lastPart
        case "J": Self.unescaped(lastPart)
        case "t": "/run"
        case "S": "/var/lib"
        case "C": "/var/cache"
        case "L": "/var/log"
        case "E": "/etc"
        case "T": "/tmp"
        case "V": "/var/tmp"
        case "h": "/root"
        case "u": "root"
        case "U": "0"
        case "H": Self.hostName
        case "l": Self.hostName.map { String($0.prefix { $0 != "." }) }
        default: nil
        }
    }

    private var withoutType: String { String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)]) }
    private var prefix: String { String(withoutType.prefix { $0 != "@" }) }
    private var instance: String { String(withoutType.dropFirst(prefix.count + 1)) }
    private var lastPart: String {
        String(prefix[(prefix.lastIndex(of: "-").map(prefix.index(after:)) ?? prefix.startIndex)...])
    }

    private static var hostName: String? {
        var system = utsname()
        guard uname(&system) == 0 else { return nil }
        return withUnsafeBytes(of: &system.nodename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// As systemd-escape(1) --unescape does: a hyphen is a slash, `\x2d` a byte.
    static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"),
                let code = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte == UInt8(ascii: "-") ? UInt8(ascii: "/") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
