#if Gist
    import Osquery

    /// Finds out whether osqueryd has taken a configuration that it was given. osqueryd parses it after the plugin has answered, and
    /// tells nobody.
    struct TakingWatch: Sendable {
        enum Verdict: Equatable, Sendable {
            case taken
            case refused
            /// It cannot be told; the text says why.
            case unknown(String)
        }

        let osqueryd: ExtensionManagerClient

        /// Between looks, in milliseconds: a minute in all.
        private static let pauses = [100, 400, 1000, 1000, 1500, 2000, 4000, 8000, 16000, 26000]
        /// How many looks in a row must agree: osqueryd changes its hash a moment before its schedule.
        private static let agreeing = (taken: 2, refused: 3)

        func verdict(on expected: ExpectedSchedule) async throws(CancellationError) -> Verdict {
            guard !expected.packs.isEmpty else { return .unknown("it has no schedule and no packs to look for.") }
            guard !expected.schedulesNothing else {
                return .unknown("osqueryd schedules none of its queries: each needs SQL, and an interval above 0.")
            }
            var last = OsqueryConfiguration.State.notRead
            var error: ManagerError?
            var count = 0
            for pause in Self.pauses {
                do { try await Task.sleep(for: .milliseconds(pause)) } catch { throw CancellationError() }
                var state = OsqueryConfiguration.State.notRead
                do throws(ManagerError) {
                    state = try await OsqueryConfiguration(osqueryd).state(of: expected)
                    error = nil
                } catch let failure {
                    error = failure
                }
                count = state == last ? count + 1 : 1
                last = state
                if state == .taken && count >= Self.agreeing.taken { return .taken }
                if state == .refused && count >= Self.agreeing.refused { return .refused }
            }
            if let error { return .unknown("\(error)") }
            if case .lacking(let what) = last {
                return .unknown(
                    "it lacks \(what). It reads the gist's other files again only when osquery.conf changes.")
            }
            return .unknown("its config_hash is another one.")
        }
    }
#endif
