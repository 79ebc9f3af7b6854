#if Gist
    import CLinux
    import Glibc
    import Journal
    import SystemCalls

    /// Where the gist is, and how it may be read: the variables OSQUERY_CONFIG_GIST….
    struct GistSettings {
        let address: GistAddress
        /// GitHub's REST API, without a slash at the end.
        let baseURL: String

        init() throws(GistError) {
            guard let text = Environment[.gist] else { throw .notSet }
            address = try GistAddress(text)
            var url = Environment[.gistURL] ?? Variable.gistURL.defaultValue
            while url.hasSuffix("/") { url.removeLast() }
            guard url.hasPrefix("https://"), url.utf8.count > 8, !url.contains(where: \.isWhitespace) else {
                throw .badURL(url)
            }
            baseURL = url
        }

        /// The directory in which the last good configuration is kept.
        static var directory: String {
            JournalSettings.stateDirectory(Environment.value) ?? JournalSettings.defaultDirectory
        }

        /// The token, read anew each time: systemd may have replaced its file.
        func token() throws(GistError) -> String? {
            var token = Environment[.token]
            if let path = Environment[.tokenFile] {
                var status = stat()
                if stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
                    throw .badToken("others may read \(path): set its mode to 0600.")
                }
                do {
                    token = String(decoding: try readFile(at: path, limit: 4096), as: UTF8.self)
                } catch {
                    throw .badToken("\(error)")
                }
            }
            guard let token else { return nil }
            let text = token.filter { !$0.isWhitespace }
            guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw .badToken("it is empty, or has characters that no token has.")
            }
            return text
        }
    }
#endif
