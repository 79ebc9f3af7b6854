extension String {
    /// `mainPid` as `main_pid`, and `sourceURL` as `source_url`, as `JSONEncoder.KeyEncodingStrategy.convertToSnakeCase` has it: a
    /// word begins at an upper-case letter after another character, and at the last of several where a lower-case one follows.
    var snakeCased: String {
        let bytes = Array(utf8)
        func isUpper(_ index: Int) -> Bool {
            bytes.indices.contains(index) && (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index])
        }
        func isLower(_ index: Int) -> Bool {
            bytes.indices.contains(index) && (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[index])
        }
        var name: [UInt8] = []
        for index in bytes.indices {
            guard isUpper(index) else {
                name.append(bytes[index])
                continue
            }
            let begins = index > 0 && bytes[index - 1] != UInt8(ascii: "_")
            if begins && (!isUpper(index - 1) || isLower(index + 1)) { name.append(UInt8(ascii: "_")) }
            name.append(bytes[index] | 0x20)
        }
        return String(decoding: name, as: UTF8.self)
    }
}
