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
    /// The group takes the signals; a graceful shutdown ends the extension in order. When osqueryd ends the extension, the
    /// service has ended, which by default ends the group.
    public struct ExtensionService: Service {
        private let planned: Extension
        private let options: ExtensionOptions

        /// A service that runs `planned` with osqueryd's flags.
        public init(_ planned: Extension, options: ExtensionOptions) {
            self.planned = planned
            self.options = options
        }

        /// Runs the extension on a thread of its own until it ends.
        public func run() async throws {
            let end = try ExtensionEnd()
            try await withGracefulShutdownHandler {
                try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                    do {
                        try BlockingThread.start {
                            continuation.resume(with: Result { try planned.run(options, until: end) })
                        }
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            } onGracefulShutdown: {
                end.request()
            }
        }
    }
#endif
