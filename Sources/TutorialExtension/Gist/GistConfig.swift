#if Gist
    import Glibc
    import Logging
    import Osquery

    /// The config plugin `gist`: osquery.conf out of a GitHub gist, and packs out of its other files.
    ///
    /// The last good configuration is kept, in memory and on disk, and is what osqueryd gets when a refresh goes wrong.
    actor GistConfig: ConfigPlugin {
        static let mainFile = "osquery.conf"
        static let packSuffix = ".conf"

        nonisolated let name = "gist"
        private let logger: Logger
        private var saved: GistStore.Saved?
        /// Until when GitHub does not want to be asked, in seconds since 1970.
        private var pausedUntil = 0

        init(logger: Logger) {
            self.logger = logger
        }

        func genConfig() async throws -> [String: String] {
            let settings = try GistSettings()
            let gist = settings.address.path
            let store = GistStore(folder: GistSettings.folder)
            if saved?.gist != gist { saved = store.load(gist) }
            do {
                try await refresh(settings, store)
            } catch {
                guard let saved else { throw error }
                let age = max(0, time(nil) - saved.fetched)
                logger.error("The configuration of \(age) s ago is used: \(error)")
            }
            guard let text = saved?.files[Self.mainFile] else {
                throw GistError.noSuchFile(Self.mainFile, known: [])
            }
            return [name: text]
        }

        func genPack(name: String, value: String) async throws -> String {
            if saved == nil { _ = try await genConfig() }
            let files = saved?.files ?? [:]
            guard let text = files[name + Self.packSuffix], name + Self.packSuffix != Self.mainFile else {
                throw GistError.noSuchFile(name + Self.packSuffix, known: files.keys.sorted())
            }
            try ConfigurationText.check(text, file: name + Self.packSuffix)
            return text
        }

        /// Fetches the gist where it has changed; what is not right never replaces what is.
        private func refresh(_ settings: GistSettings, _ store: GistStore) async throws {
            let pause = pausedUntil - time(nil)
            guard pause <= 0 else { throw GistError.rateLimited(seconds: pause) }
            let answer: GistClient.Answer?
            do throws(GistError) {
                let client = GistClient(settings: settings, token: try settings.token())
                answer = try await client.fetch(unless: saved?.etag)
            } catch {
                if case .rateLimited(let seconds) = error { pausedUntil = time(nil) + seconds }
                throw error
            }
            guard let answer else {
                saved?.fetched = time(nil)
                return
            }
            guard let text = answer.files[Self.mainFile] else {
                throw GistError.noSuchFile(Self.mainFile, known: answer.files.keys.sorted())
            }
            try ConfigurationText.check(text, file: Self.mainFile)
            let new = GistStore.Saved(
                gist: settings.address.path, etag: answer.etag, fetched: time(nil), files: answer.files)
            saved = new
            do {
                try store.save(new)
            } catch {
                logger.error("The configuration cannot be kept for a start without GitHub: \(error)")
            }
        }
    }
#endif
