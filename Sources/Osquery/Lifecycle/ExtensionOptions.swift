public import ArgumentParser
import SystemCalls

/// The flags that osqueryd starts an extension with (osquery: core/watcher.cpp, Watcher::createExtension).
///
/// In a command of swift-argument-parser: `@OptionGroup var options: ExtensionOptions`.
public struct ExtensionOptions: ParsableArguments, Sendable {
    /// The longest `--socket`: with a dot and a number of five digits it still fits into a socket's address.
    public static let maximumSocketPathLength = UnixAddress.longestPath - 6

    /// osqueryd's extension socket.
    @Option(help: "osqueryd's extension socket, the one that its --extensions_socket names.")
    public var socket: String

    /// Seconds to wait for osqueryd.
    @Option(help: ArgumentHelp("Seconds to wait for osqueryd.", valueName: "seconds"))
    public var timeout: Int = 3

    /// Seconds between looks whether osqueryd is still there; 0 stands for 200 ms.
    @Option(
        help: ArgumentHelp(
            "Seconds between looks whether osqueryd is still there; 0 means 200 ms.", valueName: "seconds"))
    public var interval: Int = 3

    /// Whether to say what happens.
    @Flag(help: "Say what happens, not only what goes wrong.")
    public var verbose = false

    /// Options to be parsed into.
    public init() {}

    /// The flags as osqueryd itself spells them, without swift-argument-parser, whose making of metadata takes 1.5 ms of the 6 from
    /// the start to the registration; nil for anything else, which is the parser's to read or to refuse.
    package init?(spelledAsByOsqueryd arguments: some Sequence<String>) {
        var socket: String?
        var (timeout, interval, verbose) = (3, 3, false)
        var rest = arguments.makeIterator()
        while let flag = rest.next() {
            switch flag {
            case "--verbose": verbose = true
            case "--socket":
                guard let value = rest.next(), !value.hasPrefix("-") else { return nil }
                socket = value
            case "--timeout", "--interval":
                guard let value = rest.next().flatMap(Int.init) else { return nil }
                if flag == "--timeout" { timeout = value } else { interval = value }
            default: return nil
            }
        }
        guard let socket else { return nil }
        (self.socket, self.timeout, self.interval, self.verbose) = (socket, timeout, interval, verbose)
        guard (try? validate()) != nil else { return nil }
    }

    /// How long to pause between looks: as with osquery's SDK, at least 200 ms, so that 0 does not keep a processor busy
    /// (osquery: extensions/extensions.cpp, ExtensionWatcher).
    var pause: Duration { max(.seconds(interval), .milliseconds(200)) }

    /// Checks what the parser cannot.
    public func validate() throws {
        guard !socket.isEmpty else {
            throw ValidationError("--socket is empty: name the socket that osqueryd's --extensions_socket names.")
        }
        guard socket.utf8.count <= Self.maximumSocketPathLength else {
            throw ValidationError(
                "--socket has \(socket.utf8.count) bytes: choose a path of at most \(Self.maximumSocketPathLength) for "
                    + "osqueryd's --extensions_socket, which is what the address of a unix socket has room for.")
        }
        guard (0...86400).contains(timeout) else {
            throw ValidationError("--timeout is \(timeout): give it seconds, from 0 to 86400.")
        }
        guard (0...86400).contains(interval) else {
            throw ValidationError("--interval is \(interval): give it seconds, from 0 to 86400.")
        }
    }
}
