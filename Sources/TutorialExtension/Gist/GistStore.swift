#if Gist
    import FoundationEssentials
    import Glibc
    import SystemCalls

    /// The last good configuration, on disk: what there is when GitHub cannot be reached at the start.
    struct GistStore {
        struct Saved: Codable, Equatable {
            /// What osqueryd has taken last.
            var good: GistRevision
            /// Of a configuration that osqueryd has not taken: its hash (``ExpectedSchedule/hash``).
            var refused: String?
        }

        let directory: String

        var path: String { "\(directory)/gist.json" }

        /// What was kept of a gist; nil where nothing was, or nothing that osqueryd would take.
        func load(_ gist: String) -> Saved? {
            guard let bytes = try? readFile(at: path, limit: 8 * GistClient.largest) else { return nil }
            let decoder = JSONDecoder()
            // Version 0.1.0 wrote the revision alone.
            let saved =
                (try? decoder.decode(Saved.self, from: Data(bytes)))
                ?? (try? decoder.decode(GistRevision.self, from: Data(bytes))).map { Saved(good: $0) }
            guard let saved, saved.good.gist == gist,
                (try? ConfigurationText(saved.good.text, .main, file: GistConfig.mainFile)) != nil
            else { return nil }
            return saved
        }

        func save(_ saved: Saved) throws {
            if mkdir(directory, 0o700) != 0 && errno != EEXIST { throw SystemError("make the directory", directory) }
            try replaceFile(at: path, with: Array(try JSONEncoder().encode(saved)))
        }
    }
#endif
