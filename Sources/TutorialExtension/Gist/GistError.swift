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
        /// The fallback names a pack whose text would be another file of the gist.
        case packNotInFallback(String, path: String)
        case badConfiguration(Fault, file: String)
        /// osqueryd did not take the configuration that the gist has now.
        case notTaken
        /// The text says why; `reason` is why it was to be used.
        case badFallback(String, reason: String?)

        /// Why osqueryd would not take a text.
        enum Fault: Equatable {
            case notJSON(near: String)
            case tooDeep(Int)
            case tooLarge
        }

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
            case .packNotInFallback(let name, let path):
                "The fallback \(path) only names the pack “\(name)”: write the pack itself there, as an object."
            case .badConfiguration(let fault, let file):
                "osqueryd would not take \(file): \(fault.sentence)"
            case .notTaken:
                "osqueryd did not take the osquery.conf that the gist has now. Its log says why; mend the gist."
            case .badFallback(let why, let reason):
                "\(reason.map { "\($0) " } ?? "")The file that OSQUERY_CONFIG_GIST_FALLBACK names cannot be used: \(why)"
            }
        }
    }

    extension GistError.Fault {
        fileprivate var sentence: String {
            switch self {
            case .notJSON(let near):
                "it is not a JSON object, as seen near “\(near)”. A comment must be a line of its own, beginning with # or //."
            case .tooDeep(let levels):
                "its values are nested deeper than \(levels) levels."
            case .tooLarge:
                "without comments it is larger than \(ConfigurationText.limit >> 20) MiB, the most that any osqueryd takes."
            }
        }
    }
#endif
