#if Gist
    /// A text of osquery's configuration, as osqueryd reads it: JSON with comment lines
    /// (osquery 5.23: config/config.cpp, stripConfigComments, updateSource, validateConfig and genPack).
    struct ConfigurationText {
        enum Kind {
            case main, pack

            /// How deep values may be nested, the outermost being the first level. osqueryd bounds `osquery.conf`; a pack of some
            /// 100,000 levels kills it.
            var maximumDepth: Int { self == .main ? 32 : 10_000 }
        }

        /// What osqueryd takes at most, without comments: of releases up to 5.23, and of the main branch.
        static let releaseLimit = 1 << 20
        static let limit = 4 << 20

        /// The text that osqueryd parses.
        let json: [UInt8]

        /// - Parameter file: What errors name.
        init(_ text: String, _ kind: Kind, file: String) throws(GistError) {
            let lines = Self.withoutComments(Self.joiningLines(Array(text.utf8)))
            if kind == .main && lines.count > Self.limit { throw .badConfiguration(.tooLarge, file: file) }
            // osqueryd hands it to the parser as a C string.
            json = lines.firstIndex(of: 0).map { Array(lines[..<$0]) } ?? lines
            var reader = StrictJSON(json)
            guard let depth = reader.objectDepth() else {
                throw .badConfiguration(.notJSON(near: reader.excerpt), file: file)
            }
            guard depth <= kind.maximumDepth else {
                throw .badConfiguration(.tooDeep(kind.maximumDepth), file: file)
            }
            size = lines.count
        }

        /// Bytes without comments, which is what osqueryd measures.
        let size: Int

        private static let newline = UInt8(ascii: "\n")

        /// The text without each backslash that is right before a newline, and without that newline.
        private static func joiningLines(_ text: [UInt8]) -> [UInt8] {
            var joined: [UInt8] = []
            joined.reserveCapacity(text.count)
            var position = 0
            while position < text.count {
                if text[position] == UInt8(ascii: "\\"), position + 1 < text.count, text[position + 1] == newline {
                    position += 2
                } else {
                    joined.append(text[position])
                    position += 1
                }
            }
            return joined
        }

        /// The lines without white space around them, but for those that begin with `#` or `//`.
        private static func withoutComments(_ text: [UInt8]) -> [UInt8] {
            var kept: [UInt8] = []
            kept.reserveCapacity(text.count + 1)
            for line in text.split(separator: newline) {
                guard let first = line.firstIndex(where: { !isSpace($0) }) else {
                    kept.append(newline)
                    continue
                }
                let last = line.lastIndex { !isSpace($0) }!
                let content = line[first...last]
                if content.first == UInt8(ascii: "#") || content.starts(with: "//".utf8) { continue }
                kept += content
                kept.append(newline)
            }
            return kept
        }

        /// isspace(3) in the locale C, which has the vertical tab and the form feed besides what JSON has.
        private static func isSpace(_ byte: UInt8) -> Bool {
            byte == 0x20 || (0x09...0x0D).contains(byte)
        }
    }
#endif
