/// What the way into the journal has seen since the process started.
package struct JournalStatistics: Sendable, Equatable {
    /// Entries that went straight into the journal.
    package var sent: UInt64 = 0
    /// Their fields, in bytes.
    package var sentBytes: UInt64 = 0
    /// Entries that waited for a journald that stood still.
    package var waited: UInt64 = 0
    /// Entries that went to the spool.
    package var spooled: UInt64 = 0
    /// Entries brought from the spool into the journal, those of earlier processes too.
    package var replayed: UInt64 = 0
    /// Bytes that spooled entries take on disk, and how many they may.
    package var spoolBytes = 0
    package var spoolLimit = 0
    /// When the oldest entry in the spool was received, in microseconds since 1970; nil when there is none.
    package var oldestSpooled: UInt64?
    /// Entries of the spool that were damaged, and are lost.
    package var damaged: UInt64 = 0
    /// Entries that were given up, with an error for osqueryd.
    package var refused: UInt64 = 0
}
