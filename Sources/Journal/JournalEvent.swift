package import SystemCalls

/// What happens on the way into the journal that an administrator should know of. Each change is told once.
package enum JournalEvent: Sendable {
    /// Entries go to the spool from now on; the text says why.
    case spooling(String)
    /// The spooled entries are being brought into the journal; where journald's rate limit bounds that, so many a second.
    case replaying(rate: Double?)
    /// All of them are there, and entries go straight to the journal again.
    case replayed(entries: Int)
    /// Entries of the spool cannot be read and are lost; its files are kept under another name.
    case damaged(entries: Int, file: String)
    /// Something in the spool's directory cannot be read, and is left as it is.
    case unreadable(SystemError)
    /// Another process uses the spool's directory, too.
    case shared(path: String)
    /// The spool's directory is gone, and none can be made in its place: what is kept now, no other process will find.
    case detached(SystemError)
    /// Entries that were told to be logged are lost with the spool's directory, as this process ends.
    case abandoned(entries: Int)
    /// Entries that are kept cannot be sent, although journald takes others.
    case unsendable(SystemError)
    /// Entries that journald has taken are not in the journal: they are kept, and sent again.
    case missing(entries: Int)
    /// journald takes entries and does not keep them, though it keeps others: they are not sent any more.
    case refused(entries: Int)
    /// An entry of so many bytes does not fit into the journal: it is sent without its large fields.
    case shortened(bytes: Int)
    /// Whether entries are in the journal cannot be told, so that they are not kept any longer once journald has taken them.
    case unconfirmed(SystemError)
    /// What is in the journal is in memory only.
    case volatile
    /// Entries can be brought nowhere, and calls are held.
    case holding(SystemError)
    /// They can again.
    case recovered
    /// journald has dropped entries of our unit, ours or others', because of its rate limit.
    case suppressed(entries: UInt64, unit: String)
}
