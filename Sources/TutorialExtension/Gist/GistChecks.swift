#if Gist
    /// Whether osqueryd gets its configuration from a gist, also when it starts without GitHub.
    enum GistChecks {
        /// What osqueryd waits after an error before it asks again, in seconds.
        private static let defaultRetry = 300

        /// - Parameters:
        ///   - source: Where the flags are from; what a remedy speaks of.
        ///   - isEnvironmentKnown: Whether a variable that is not set here is not set for osqueryd either.
        static func findings(
            _ flags: OsqueryFlags, from source: String, isEnvironmentKnown: Bool
        ) -> [Finding] {
            guard flags.list("config_plugin") == ["gist"] else { return [] }
            let settings: GistSettings
            do {
                settings = try GistSettings()
            } catch .notSet where !isEnvironmentKnown {
                return [
                    .warning(
                        "OSQUERY_CONFIG_GIST is not set in this environment. Whether it is for osqueryd is unknown.",
                        "run this as root while osqueryd runs")
                ]
            } catch {
                return [.error("\(error)", "sudo systemctl edit osqueryd: [Service] Environment=NAME=value")]
            }
            var findings: [Finding] = []
            if Int(flags["config_refresh"] ?? "") ?? 0 == 0 {
                findings.append(
                    .warning(
                        "--config_refresh is not set: osqueryd reads the gist when it starts, and never again.",
                        "in \(source): --config_refresh=60"))
            }
            return findings + [start(settings, flags, source)]
        }

        /// Whether there is a configuration to start with while GitHub cannot be reached.
        private static func start(_ settings: GistSettings, _ flags: OsqueryFlags, _ source: String) -> Finding {
            let store = GistStore(directory: GistSettings.directory)
            if let saved = store.load(settings.address.path) {
                return .ok("The configuration of \(saved.good.age) s ago is kept at \(store.path).")
            }
            if let path = Environment[.fallback] {
                do {
                    _ = try GistFallback.revision(at: path)
                    return .ok("osqueryd starts with \(path) if GitHub cannot be reached.")
                } catch {
                    return .error("\(error)", "sudo editor \(path)")
                }
            }
            let retry = flags["config_accelerated_refresh"].flatMap { Int($0) } ?? defaultRetry
            return .warning(
                "No configuration of the gist is kept at \(store.path). If GitHub cannot be reached when osqueryd starts, it runs "
                    + "without a schedule and asks again only after \(retry) s, which is its --config_accelerated_refresh.",
                "set OSQUERY_CONFIG_GIST_FALLBACK to a file with a configuration, or in \(source): --config_accelerated_refresh=10"
            )
        }
    }
#endif
