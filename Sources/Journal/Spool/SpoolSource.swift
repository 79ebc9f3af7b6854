import Glibc
import SystemCalls

/// Where entries come from that are to be replayed, in order.
protocol SpoolSource: AnyObject {
    /// The database's; nil where there is none.
    var salt: UInt64? { get }

    /// The entries after the one numbered `number`, oldest first: at least one where there is one, and no more than fit into ``Spool``'s
    /// batch.
    func read(after number: Int64) throws(SpoolError) -> [SpooledEntry]

    /// The number of the entry before the oldest one.
    var forgotten: Int64 { get }

    /// The entries up to the one numbered `number` are in the journal, and need not be kept.
    func forget(through number: Int64) throws(SpoolError)

    /// Bytes that the source takes on disk.
    var size: Int { get }

    /// Entries that were there and cannot be read, as far as that is known by now.
    var lost: Int { get }

    /// What it is read from.
    var path: String { get }

    /// Where the source's files are put in the end, where entries were lost.
    var setAsidePath: String { get }

    /// Removes the source from the disk, or what must be kept of it out of the way: all of it is in the journal.
    func finish() throws(SpoolError)
}

/// Why something could not be done with what is on disk.
enum SpoolError: Error {
    /// It may work later.
    case failed(SystemError)
    /// What is on disk is not what was written; the text says where.
    case damaged(String)

    var asSystemError: SystemError {
        switch self {
        case .failed(let error): error
        case .damaged(let reason): SystemError("read", "the spool", code: EUCLEAN, reason: reason)
        }
    }
}
