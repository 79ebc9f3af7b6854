#if Gist
    import Glibc

    /// A gist as GitHub answered it at some time.
    struct GistRevision: Codable, Equatable, Sendable {
        /// The gist's path in the API.
        var gist: String
        var etag: String?
        /// Seconds since 1970.
        var fetched: Int
        var files: [String: String]
        /// The file that it was read from; nil for what GitHub has answered.
        var fallback: String?

        /// `osquery.conf`.
        var text: String { files[GistConfig.mainFile] ?? "" }

        var age: Int { max(0, time(nil) - fetched) }

        /// The text of a pack, which osqueryd would take.
        func pack(_ name: String) throws(GistError) -> String {
            let file = name + GistConfig.packSuffix
            guard let text = files[file], file != GistConfig.mainFile else {
                if let fallback { throw .packNotInFallback(name, path: fallback) }
                throw .noSuchFile(file, known: files.keys.sorted())
            }
            _ = try ConfigurationText(text, .pack, file: file)
            return text
        }
    }
#endif
