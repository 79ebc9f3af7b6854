public import Osquery

/// A line of osqueryd's own log, to be sent to a logger by ``TestManager/logStatus(_:to:)``.
///
/// ```swift
/// try await manager.logStatus([TestStatusLine(.warning, "Cannot read /etc/hosts")], to: "my_logger")
/// ```
public struct TestStatusLine: Sendable {
    /// How grave it is.
    public var severity: StatusLine.Severity
    /// What osqueryd has to say.
    public var message: String
    /// The source file that says it.
    public var file: String
    /// The line in the source file.
    public var line: Int
    /// The host, as `--host_identifier` chooses.
    public var host: String
    /// When, as osqueryd writes it for people.
    public var calendarTime: String
    /// When, in seconds since 1970.
    public var time: Int64

    /// A line. The time is a fixed one, so that what a logger makes of the line is the same in each run.
    public init(
        _ severity: StatusLine.Severity, _ message: String, file: String = "scheduler.cpp", line: Int = 120,
        host: String = "localhost", calendarTime: String = "Mon Nov 23 09:34:14 2026 UTC", time: Int64 = 1_795_426_454
    ) {
        self.severity = severity
        self.message = message
        self.file = file
        self.line = line
        self.host = host
        self.calendarTime = calendarTime
        self.time = time
    }

    /// The `log` of a request, members in osqueryd's order (osquery: logger/logger.cpp, serializeIntermediateLog).
    static func json(_ lines: [TestStatusLine]) -> String {
        var json = JSONWriter()
        json.array { json in
            for line in lines {
                json.object { json in
                    json.member("s") { $0.number(line.severity.rawValue) }
                    json.member("f") { $0.string(line.file) }
                    json.member("i") { $0.number(line.line) }
                    json.member("m") { $0.string(line.message) }
                    json.member("h") { $0.string(line.host) }
                    json.member("c") { $0.string(line.calendarTime) }
                    json.member("u") { $0.number(line.time) }
                }
            }
        }
        return json.text
    }
}
