#if Gist
    import Glibc
    import NIOHTTP1

    /// GitHub's rate limit (docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
    enum RateLimit {
        /// The longest that a host's word is believed, in seconds.
        private static let longest = 3600

        /// How many seconds to wait, as the headers of a 403 or 429 say; nil where they do not speak of a limit.
        static func seconds(_ headers: HTTPHeaders) -> Int? {
            if let after = headers.first(name: "Retry-After") {
                return clamp(Int(after) ?? 60)
            }
            guard headers.first(name: "X-RateLimit-Remaining") == "0" else { return nil }
            let reset = headers.first(name: "X-RateLimit-Reset").flatMap { Int($0) } ?? 0
            return clamp(reset - time(nil))
        }

        private static func clamp(_ seconds: Int) -> Int {
            min(max(seconds, 1), longest)
        }
    }
#endif
