#if Gist
    /// Which gist, as OSQUERY_CONFIG_GIST says it: `ID`, `OWNER/ID`, either with `/SHA` for a revision, or the gist's URL.
    struct GistAddress: Equatable {
        let id: String
        let revision: String?

        init(_ text: String) throws(GistError) {
            var path = text[...]
            if path.hasPrefix("https://") {
                // Behind the host: owner and id, or the id alone.
                path = path.dropFirst("https://".count).drop { $0 != "/" }.dropFirst()
                if path.hasSuffix(".git") { path = path.dropLast(4) }
                if path.hasSuffix("/") { path = path.dropLast() }
            }
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            switch parts.count {
            case 1 where Self.isID(parts[0]):
                (id, revision) = (parts[0], nil)
            case 2 where Self.isID(parts[0]) && Self.isRevision(parts[1]):
                (id, revision) = (parts[0], parts[1])
            case 2 where Self.isOwner(parts[0]) && Self.isID(parts[1]):
                (id, revision) = (parts[1], nil)
            case 3 where Self.isOwner(parts[0]) && Self.isID(parts[1]) && Self.isRevision(parts[2]):
                (id, revision) = (parts[1], parts[2])
            default:
                throw .badAddress(text)
            }
        }

        /// The path of the gist in GitHub's REST API.
        var path: String {
            revision.map { "/gists/\(id)/\($0)" } ?? "/gists/\(id)"
        }

        /// 20 or 32 hexadecimal digits, or, of old gists, a number.
        private static func isID(_ text: String) -> Bool {
            (1..<40).contains(text.utf8.count) && text.utf8.allSatisfy(isHexadecimalDigit)
        }

        private static func isRevision(_ text: String) -> Bool {
            text.utf8.count == 40 && text.utf8.allSatisfy(isHexadecimalDigit)
        }

        private static func isOwner(_ text: String) -> Bool {
            (1..<40).contains(text.utf8.count)
                && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }

        private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
            default: false
            }
        }
    }
#endif
