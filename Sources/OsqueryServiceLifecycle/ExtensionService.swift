#if ServiceLifecycle
    public import Osquery
    public import ServiceLifecycle
    import SystemCalls

    /// An extension as a service of a `ServiceGroup`, beside others in the same process. Comes with the package trait
    /// `ServiceLifecycle`.
    ///
    /// ```swift
    /// let service = ExtensionService(planets, options: options)
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
            let end = try ExtensionEnd()
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await run(until: end)
                } onGracefulShutdown: {
                    end.request()
                }
            } onCancel: {
                end.requestAtOnce()
            }
        }

        private func run(until end: ExtensionEnd) async throws {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                do {
                    try BlockingThread.start {
                        continuation.resume(with: Result { try planned.run(options, until: end) })
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
#endif
