#if Gist
    /// Why there is no configuration out of a gist.
    enum GistError: Error, Equatable, CustomStringConvertible {
        case notSet
        case badAddress(String)
        case badURL(String)
        case badToken(String)
        /// The connection, TLS, or a time-out; the text says which.
        case notReached(String)
        case status(UInt, String)
        /// Seconds until GitHub wants to be asked again.
        case rateLimited(seconds: Int)
        case badRedirect(String)
        case tooLarge
        case badAnswer(String)
        case noSuchFile(String, known: [String])
        case badConfiguration(String, file: String)

        var description: String {
            switch self {
            case .notSet:
                "OSQUERY_CONFIG_GIST is not set: name the gist that holds osquery.conf there, as ID, OWNER/ID or URL."
            case .badAddress(let text):
                "OSQUERY_CONFIG_GIST is “\(text)”, which is no gist: give its ID, OWNER/ID or https URL, with /SHA for a revision."
            case .badURL(let text):
                "OSQUERY_CONFIG_GIST_URL is “\(text)”: give an https URL, like https://github.example.com/api/v3."
            case .badToken(let why):
                "The token for GitHub cannot be used: \(why)"
            case .notReached(let why):
                "GitHub was not reached: \(why)."
            case .status(let code, let reason):
                "GitHub answered with status \(code) \(reason). Is OSQUERY_CONFIG_GIST right, and does the token allow to read it?"
            case .rateLimited(let seconds):
                "GitHub's rate limit is used up for \(seconds) s: a token (OSQUERY_CONFIG_GIST_TOKEN_FILE) raises it."
            case .badRedirect(let location):
                "GitHub's answer leads to “\(location)”, where it is not followed: only https, the same host and GitHub's own for gists are."
            case .tooLarge:
                "The gist is larger than \(GistClient.largest >> 20) MiB, the most that is taken."
            case .badAnswer(let why):
                "The answer is no gist: \(why)."
            case .noSuchFile(let name, let known):
                "The gist has no file “\(name)”; it has \(known.isEmpty ? "none" : known.joined(separator: ", "))."
            case .badConfiguration(let why, let file):
                "The gist's \(file) is no JSON object: \(why)"
            }
        }
    }
#endif
