#if Gist
    import Glibc
    import Logging
    import Osquery

    /// The config plugin `gist`: osquery.conf out of a GitHub gist, and packs out of its other files.
    ///
    /// The last configuration that osqueryd has taken is kept, in memory and on disk, and is what osqueryd gets when GitHub cannot be
    /// reached, and instead of one that osqueryd would not take or did not take.
    actor GistConfig: ConfigPlugin {
        static let mainFile = "osquery.conf"
        static let packSuffix = ".conf"

        nonisolated let name = "gist"
        private let logger: Logger
        private let watch: TakingWatch
        /// The gist that all of this is about.
        private var gist: String?
        private var good: GistRevision?
        /// The hash of a configuration that osqueryd did not take.
        private var refused: String?
        /// What GitHub answered last, and why osqueryd would not take it.
        private var newest: (revision: GistRevision, fault: GistError?)?
        /// The last revision that osqueryd would take, until it is the good one.
        private var candidate: (revision: GistRevision, expected: ExpectedSchedule)?
        /// What osqueryd was given last: its packs are asked for afterwards.
        private var given: GistRevision?
        private var watched: (files: [String: String], task: Task<Void, Never>)?
        /// What was logged of the newest revision, to log it once.
        private var logged: Set<String> = []
        /// Until when GitHub does not want to be asked, in seconds since 1970.
        private var pausedUntil = 0

        init(logger: Logger, socket: String) {
            self.logger = logger
            watch = TakingWatch(osqueryd: ExtensionManagerClient(socketPath: socket))
        }

        func genConfig() async throws -> [String: String] {
            let settings = try GistSettings()
            if gist != settings.address.path { load(settings.address.path) }
            var failure: GistError?
            do throws(GistError) {
                try await refresh(settings)
            } catch {
                failure = error
            }
            let revision = try choose(failure)
            given = revision
            return [name: revision.text]
        }

        func genPack(name: String, value: String) async throws -> String {
            if given == nil { _ = try await genConfig() }
            guard let given else { throw GistError.noSuchFile(name + Self.packSuffix, known: []) }
            return try given.pack(name)
        }
    }

    // MARK: - What GitHub answers

    extension GistConfig {
        private func load(_ gist: String) {
            let saved = GistStore(directory: GistSettings.directory).load(gist)
            self.gist = gist
            good = saved?.good
            refused = saved?.refused
            newest = good.map { ($0, nil) }
            candidate = nil
        }

        /// Asks GitHub for the gist, and makes what it answers the newest revision.
        private func refresh(_ settings: GistSettings) async throws(GistError) {
            let pause = pausedUntil - time(nil)
            guard pause <= 0 else { throw .rateLimited(seconds: pause) }
            let answer: GistClient.Answer?
            do throws(GistError) {
                let client = GistClient(settings: settings, token: try settings.token())
                answer = try await client.fetch(unless: newest?.revision.etag)
            } catch {
                if case .rateLimited(let seconds) = error { pausedUntil = time(nil) + seconds }
                throw error
            }
            var revision = GistRevision(
                gist: settings.address.path, etag: answer?.etag, fetched: time(nil), files: answer?.files ?? [:])
            if let newest, answer == nil || revision.files == newest.revision.files {
                revision.files = newest.revision.files
                revision.etag = answer?.etag ?? newest.revision.etag
                self.newest = (revision, newest.fault)
            } else {
                logged = []
                newest = (revision, examine(revision))
            }
            if revision.files == candidate?.revision.files { candidate?.revision = revision }
            if revision.files == good?.files { (good, candidate) = (revision, nil) }
        }

        /// Makes a revision the candidate, if osqueryd would take it; why not, otherwise.
        private func examine(_ revision: GistRevision) -> GistError? {
            guard revision.files[Self.mainFile] != nil else {
                return .noSuchFile(Self.mainFile, known: revision.files.keys.sorted())
            }
            do throws(GistError) {
                let expected = try ExpectedSchedule(revision)
                // A pack less is better than no configuration.
                if expected.faults.isEmpty || good == nil && candidate == nil { candidate = (revision, expected) }
                if expected.size > ConfigurationText.releaseLimit {
                    logger.warning(
                        "osquery.conf has \(expected.size) bytes without comments. osqueryd 5.23 and older releases take at most \(ConfigurationText.releaseLimit)."
                    )
                }
                return expected.faults.first
            } catch {
                return error
            }
        }
    }

    // MARK: - What osqueryd gets

    extension GistConfig {
        /// The newest revision, or what is better than that.
        ///
        /// - Parameter failure: Why GitHub did not answer.
        private func choose(_ failure: GistError?) throws(GistError) -> GistRevision {
            let isRefused = refused != nil && candidate?.expected.hash == refused
            guard let error = failure ?? newest?.fault ?? (isRefused ? .notTaken : nil) else {
                guard let newest else { throw .noSuchFile(Self.mainFile, known: []) }
                watchTaking()
                return newest.revision
            }
            func use(_ revision: GistRevision, _ what: String) -> GistRevision {
                let line = "\(what) is used: \(error)"
                if failure != nil || logged.insert("\(error)").inserted { logger.error("\(line)") }
                return revision
            }
            if let good { return use(good, "The configuration of \(good.age) s ago") }
            if let candidate, !isRefused {
                watchTaking()
                return use(candidate.revision, "The configuration of \(candidate.revision.age) s ago")
            }
            if let path = Environment[.fallback] {
                return use(try GistFallback.revision(at: path, insteadOf: error), "The configuration in \(path)")
            }
            // osqueryd has no other one, and after an answer it asks again sooner than after an error.
            if let candidate { return candidate.revision }
            throw error
        }

        /// Looks whether osqueryd takes the candidate, after it has got it.
        private func watchTaking() {
            guard let (revision, expected) = candidate, watched?.files != revision.files else { return }
            watched?.task.cancel()
            let watch = watch
            let task = Task {
                guard let verdict = try? await watch.verdict(on: expected) else { return }
                finish(revision, expected, verdict)
            }
            watched = (revision.files, task)
        }

        private func finish(_ revision: GistRevision, _ expected: ExpectedSchedule, _ verdict: TakingWatch.Verdict) {
            guard watched?.files == revision.files else { return }
            watched = nil
            switch verdict {
            case .taken:
                (good, refused) = (revision, nil)
                if candidate?.revision.files == revision.files { candidate = nil }
            case .refused:
                refused = expected.hash
                let error = GistError.notTaken
                let remedy = good.map { " The configuration of \($0.age) s ago is used at its next refresh." } ?? ""
                if logged.insert("\(error)").inserted { logger.error("\(error)\(remedy)") }
            case .unknown(let why):
                let notice =
                    "Whether osqueryd has taken the gist's osquery.conf cannot be told: \(why) It is not kept on disk."
                if logged.insert(notice).inserted { logger.warning("\(notice)") }
                return
            }
            guard let good else { return }
            do {
                try GistStore(directory: GistSettings.directory).save(.init(good: good, refused: refused))
            } catch {
                logger.error("The configuration cannot be kept for a start without GitHub: \(error)")
            }
        }
    }
#endif
