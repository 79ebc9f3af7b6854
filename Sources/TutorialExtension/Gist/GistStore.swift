#if Gist
    import FoundationEssentials
    import Glibc
    import SystemCalls

    /// The last good configuration, on disk: what there is when GitHub cannot be reached at the start.
    struct GistStore {
        /// A gist, and when it was fetched.
        struct Saved: Codable, Equatable {
            /// The gist's path in the API: another gist's configuration is none for this one.
            var gist: String
            var etag: String?
            /// Seconds since 1970.
            var fetched: Int
            var files: [String: String]
        }

        let folder: String

        private var path: String { "\(folder)/gist.json" }

        /// What was kept of a gist; nil where nothing was, or nothing that can be read.
        func load(_ gist: String) -> Saved? {
            guard let bytes = try? readFile(at: path, limit: 8 * GistClient.largest),
                let saved = try? JSONDecoder().decode(Saved.self, from: Data(bytes)), saved.gist == gist
            else { return nil }
            return saved
        }

        func save(_ saved: Saved) throws {
            if mkdir(folder, 0o700) != 0 && errno != EEXIST { throw SystemError("make the folder", folder) }
            try replaceFile(at: path, with: Array(try JSONEncoder().encode(saved)))
        }
    }
#endif
