import Glibc
import Journal
import Osquery

/// The table `journal_logger`: how the logger `journal` fares, in one row.
struct JournalLoggerTable: TablePlugin {
    struct Row: Encodable {
        /// It is the same row, whatever its values are by now.
        let rowid = 1
        var entriesSent, bytesSent, entriesWaited, entriesSpooled, entriesReplayed: UInt64
        var spoolBytes, spoolBytesMax: Int
        var spoolOldestAge: UInt64?
        var damaged, callsRefused: UInt64
        var suppressed: UInt64?
        var registrations, connections: Int
        var uptime: Int64
        var version: String
    }

    let name = "journal_logger"
    let columns = [
        Column("entries_sent", .bigint),
        Column("bytes_sent", .bigint),
        Column("entries_waited", .bigint),
        Column("entries_spooled", .bigint),
        Column("entries_replayed", .bigint),
        Column("spool_bytes", .bigint),
        Column("spool_bytes_max", .bigint),
        Column("spool_oldest_age", .bigint),
        Column("damaged", .bigint),
        Column("calls_refused", .bigint),
        Column("suppressed", .bigint),
        Column("registrations", .bigint),
        Column("connections", .bigint),
        Column("uptime", .bigint),
        Column("version", .text),
    ]
    let writer: JournalWriter
    let rateLimit: RateLimitWatch?
    let activity: ExtensionActivity

    func generate(_ query: QueryContext) -> [Row] {
        let statistics = writer.statistics
        let now = UInt64(time(nil))
        return [
            Row(
                entriesSent: statistics.sent,
                bytesSent: statistics.sentBytes,
                entriesWaited: statistics.waited,
                entriesSpooled: statistics.spooled,
                entriesReplayed: statistics.replayed,
                spoolBytes: statistics.spoolBytes,
                spoolBytesMax: statistics.spoolLimit,
                spoolOldestAge: statistics.oldestSpooled.map { received in now - min(now, received / 1_000_000) },
                damaged: statistics.damaged,
                callsRefused: statistics.refused,
                suppressed: query.uses("suppressed") ? rateLimit?.dropped ?? 0 : nil,
                registrations: activity.registrations,
                connections: activity.connections,
                uptime: activity.uptime.components.seconds,
                version: Version.current)
        ]
    }
}
