#if Gist
    import Glibc
    import SystemCalls

    /// The configuration to start with where there is no other: the file that OSQUERY_CONFIG_GIST_FALLBACK names.
    enum GistFallback {
        /// - Parameter error: Why there is no other.
        static func revision(at path: String, insteadOf error: GistError? = nil) throws(GistError) -> GistRevision {
            do {
                // O_NONBLOCK: a pipe there must not hold us up.
                let file = try FileDescriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), or: "read", path)
                let text = String(decoding: try file.readAll(limit: GistClient.largest, path), as: UTF8.self)
                _ = try ConfigurationText(text, .main, file: path)
                return GistRevision(
                    gist: path, etag: nil, fetched: 0, files: [GistConfig.mainFile: text], fallback: path)
            } catch let failure {
                throw .badFallback("\(failure)", reason: error.map { "\($0)" })
            }
        }
    }
#endif
