extension StringProtocol {
    /// Without white space at its ends.
    package var trimmedWhitespace: Substring {
        let start = drop { $0.isWhitespace }.startIndex
        guard let last = lastIndex(where: { !$0.isWhitespace }), start <= last else { return "" }
        return Substring(self[start...last])
    }
}

/// The lines of a small file, each without white space at its ends; a symbolic link is not followed.
package func readLines(at path: String) throws(SystemError) -> [Substring] {
    // By bytes: to a String, CR LF is one character, and not the one that ends a line.
    try readFile(at: path, limit: 1 << 20).split(separator: UInt8(ascii: "\n")).map { line in
        String(decoding: line, as: UTF8.self).trimmedWhitespace
    }
}
