import Glibc
import Logging
import SystemCalls

extension OsqueryExtension {
    /// Runs the extension as a program: reads the flags that osqueryd gave this process, and exits when the extension has ended.
    ///
    /// ```swift
    /// OsqueryExtension(name: "planets", version: "1.0.0", plugins: [Planets()]).main()
    /// ```
    ///
    /// Exits with 0 when the extension has ended as it should. Where it cannot go on, it prints a sentence on stderr and exits with
    /// ``ExtensionError/exitCode``. Wrong flags print the usage and exit with 64 (`EX_USAGE`). `--verbose` logs from the level `debug`,
    /// `--version` prints the extension's name and version, and `--help` lists the flags.
    ///
    /// See ``run(_:)`` for what happens in between.
    public func main() -> Never {
        do {
            try run()
        } catch {
            // Where nobody reads stderr, the exit code remains.
            _ = Array("\(name): \(error)\n".utf8).withUnsafeBytes { writeAll($0, to: STDERR_FILENO) }
            exit(error.exitCode)
        }
        exit(0)
    }

    /// ``run(_:)`` with the flags that osqueryd gave this process. Where they are wrong it prints the usage, and ends the
    /// process.
    public func run() throws(ExtensionError) {
        try run(parseOptionsOrExit())
    }

    /// The flags that osqueryd gave this process. Where they are wrong, are `--help` or `--version`, this prints what there is to say under the
    /// extension's name, and ends the process.
    public func parseOptionsOrExit() -> ExtensionOptions {
        ExtensionOptions(spelledAsByOsqueryd: CommandLine.arguments.dropFirst()) ?? ExtensionCommand.parse(for: self)
    }

    /// Registers the plugins with osqueryd and answers its calls. Call it from `main`: it blocks the calling thread, and takes
    /// SIGTERM and SIGINT over.
    ///
    /// Returning means that the extension has ended as it should: osqueryd sent `shutdown`, ``stop()``, a signal or the end of the process
    /// that started us said so, or osqueryd is gone. Calls under way had 600 ms to be answered, and the socket is removed.
    ///
    /// An osqueryd that ends first finishes the query under way, and logs its results. So on `shutdown`, ``stop()``, a signal or the end of
    /// the process that started us, the extension goes on serving until the process that registered it has ended, for at most
    /// 10 s; it registers with no other one meanwhile. A second SIGINT ends it at once. Where the process that registered it is
    /// the one that started it, which waits for it (osqueryi, `--disable_watchdog`), it ends after the calls under way.
    ///
    /// While the watcher that started us lives, an osqueryd worker that dies is waited for, and the plugins are registered with
    /// its successor.
    ///
    /// Signals are taken by handlers, so programs that plugins start have all signals as usual. SIGPIPE and SIGHUP do not end the
    /// process. Handlers that were there before are put back at the end. Where there were none, signals have no effect after the run, so that a
    /// second SIGTERM does not end a program that still puts things in order.
    public func run(_ options: ExtensionOptions) throws(ExtensionError) {
        let end = try watchForEnd(takingSignals: true)
        EndingSignals.unblock()
        try run(options, until: end)
    }

    /// Runs the extension on a thread of its own until it ends. See ``run(_:)`` for what that means.
    ///
    /// When the task is cancelled, the extension ends after the calls under way, without waiting for osqueryd.
    ///
    /// - Parameters:
    ///   - options: osqueryd's flags.
    ///   - takingSignals: Whether SIGTERM and SIGINT end the extension. Where the program takes them itself, it calls ``stop()``,
    ///     and plugin calls have the signal mask of the task's thread.
    public func run(_ options: ExtensionOptions, takingSignals: Bool = true) async throws(ExtensionError) {
        let end = try watchForEnd(takingSignals: takingSignals)
        let result: Result<Void, ExtensionError> = await withTaskCancellationHandler {
            do throws(SystemError) {
                return try await BlockingThread.run {
                    if takingSignals { EndingSignals.unblock() }
                    return Result { () throws(ExtensionError) in try run(options, until: end) }
                }
            } catch {
                end.giveSignalsBack()
                return .failure(ExtensionError.failed(error))
            }
        } onCancel: {
            end.end(because: .cancelled)
        }
        try result.get()
    }

    /// Ends the extension in order, as SIGTERM does. May be called from any thread, and more than once.
    ///
    /// It returns at once; the extension has ended when ``run(_:)`` returns. A run that begins later ends at once, without a
    /// registration.
    public func stop() {
        stopping.stop()
    }

    private func watchForEnd(takingSignals: Bool) throws(ExtensionError) -> EndWatch {
        do {
            return try EndWatch(takesSignals: takingSignals)
        } catch {
            throw .failed(error)
        }
    }

    private func run(_ options: ExtensionOptions, until end: EndWatch) throws(ExtensionError) {
        stopping.begin(end)
        defer {
            stopping.finish(end)
            end.giveSignalsBack()
        }
        var planned = self
        if options.verbose { planned.logger.logLevel = min(logger.logLevel, .debug) }
        if let makePlugins { planned.plugins = makePlugins(ExtensionManagerClient(socketPath: options.socket)) }
        defer { planned.plugins.shutDown(planned.logger) }
        var lifecycle = ExtensionLifecycle(planned, options, end)
        try lifecycle.run()
    }
}
