#if Gist
    import FoundationEssentials

    /// osquery's configuration: JSON, in which comments may stand (osquery: config/config.cpp, stripConfigComments).
    enum ConfigurationText {
        /// Whether `text` is a JSON object, comments aside.
        static func check(_ text: String, file: String) throws(GistError) {
            do {
                _ = try JSONDecoder().decode(AnyObject.self, from: Data(withoutComments(text).utf8))
            } catch {
                throw .badConfiguration("\(text.prefix(80))…", file: file)
            }
        }

        /// The text with its comments made spaces: lines that begin with `#` or `//`, and `//` and `/* */` outside of strings.
        private static func withoutComments(_ text: String) -> String {
            var bytes = Array(text.utf8)
            var position = 0
            var isInString = false
            var isLineBegin = true
            func blank(upTo end: Int) {
                while position < min(end, bytes.count) {
                    if bytes[position] != UInt8(ascii: "\n") { bytes[position] = UInt8(ascii: " ") }
                    position += 1
                }
            }
            func endOfLine() -> Int { bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count }
            while position < bytes.count {
                let byte = bytes[position]
                let next = position + 1 < bytes.count ? bytes[position + 1] : 0
                if isInString {
                    if byte == UInt8(ascii: "\\") { position += 1 }
                    isInString = byte != UInt8(ascii: "\"")
                    position += 1
                } else if byte == UInt8(ascii: "#") && isLineBegin || byte == UInt8(ascii: "/") && next == byte {
                    blank(upTo: endOfLine())
                } else if byte == UInt8(ascii: "/") && next == UInt8(ascii: "*") {
                    let star = (position + 2..<bytes.count).first {
                        bytes[$0] == UInt8(ascii: "*") && $0 + 1 < bytes.count && bytes[$0 + 1] == UInt8(ascii: "/")
                    }
                    blank(upTo: (star ?? bytes.count) + 2)
                } else {
                    isInString = byte == UInt8(ascii: "\"")
                    if byte == UInt8(ascii: "\n") {
                        isLineBegin = true
                    } else if byte != UInt8(ascii: " ") {
                        isLineBegin = false
                    }
                    position += 1
                }
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        private struct AnyObject: Decodable {
            init(from decoder: any Decoder) throws {
                _ = try decoder.container(keyedBy: AnyKey.self)
            }
        }

        private struct AnyKey: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }
#endif
