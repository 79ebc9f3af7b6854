package import SystemCalls

/// What happens on the way into the journal that an administrator should know of. Each change is told once.
package enum JournalEvent: Sendable {
    /// Entries go to the spool from now on; the text says why.
    case spooling(String)
    /// The spooled entries are being brought into the journal.
    case replaying
    /// All of them are there, and entries go straight to the journal again.
    case replayed(entries: Int)
    /// Bytes of the spool that are no entry were put into a file.
    case damaged(bytes: Int, file: String)
    /// The spool's folder is gone, and none can be made in its place: what is kept now, no other process will find.
    case detached(SystemError)
    /// Entries can be brought nowhere, and calls are held.
    case holding(SystemError)
    /// They can again.
    case recovered
    /// journald has dropped entries of our unit, ours or others', because of its rate limit.
    case suppressed(entries: UInt64, unit: String)
}
