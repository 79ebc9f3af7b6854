#if ServiceLifecycle
    public import Osquery
    public import ServiceLifecycle

    /// An extension as a service of a `ServiceGroup`, beside others in the same process. Comes with the package trait
    /// `ServiceLifecycle`.
    ///
    /// ```swift
    /// let service = ExtensionService(planets, options: planets.parseOptionsOrExit())
    /// let group = ServiceGroup(services: [database, service], gracefulShutdownSignals: [.sigterm], logger: logger)
    /// try await group.run()
    /// ```
    ///
    /// The group takes the signals. A graceful shutdown ends the extension in order: it goes on serving osqueryd until that has
    /// ended, for up to 10 s. Services that its plugins need have to end later, so name them before it in the group. A cancelled
    /// task, as after the group's `maximumGracefulShutdownDuration`, ends it after the calls under way. When osqueryd ends the
    /// extension, the service has ended, which by default ends the group.
    public struct ExtensionService: Service {
        private let planned: OsqueryExtension
        private let options: ExtensionOptions

        /// A service that runs `planned` with osqueryd's flags.
        public init(_ planned: OsqueryExtension, options: ExtensionOptions) {
            self.planned = planned
            self.options = options
        }

        /// Runs the extension on a thread of its own until it ends.
        public func run() async throws {
            try await withGracefulShutdownHandler {
                try await planned.run(options, takingSignals: false)
            } onGracefulShutdown: {
                planned.stop()
            }
        }
    }
#endif
