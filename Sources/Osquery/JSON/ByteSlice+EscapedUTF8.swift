import Thrift

extension ByteSlice {
    /// JSON text in which each byte that is not UTF-8 has become the text `\xNN` of its string, as osqueryd writes such bytes into
    /// differential results (osquery: sql/sql.cpp, escapeNonPrintableBytes; dispatcher/scheduler.cpp). Those of live queries, like
    /// snapshots, it sends raw.
    var escapingInvalidUTF8: ByteSlice {
        withBytes { bytes in
            bytes.withUnsafeBytes { bytes in
                if String(validating: bytes, as: UTF8.self) != nil { return self }
                var text: [UInt8] = []
                text.reserveCapacity(bytes.count)
                var rest = bytes.makeIterator()
                var parser = Unicode.UTF8.ForwardParser()
                var position = 0
                while true {
                    switch parser.parseScalar(from: &rest) {
                    case .valid(let scalar):
                        text += scalar
                        position += scalar.count
                    case .error(let length):
                        for byte in bytes[position..<position + length] {
                            // The backslash is doubled: it is one of the string's characters.
                            text += "\\\\x\(String(byte, radix: 16, uppercase: true))".utf8
                        }
                        position += length
                    case .emptyInput:
                        return ByteSlice(text)
                    }
                }
            }
        }
    }
}
