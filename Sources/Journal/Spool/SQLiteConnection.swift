import CSQLite
import Glibc
import SystemCalls

/// What SQLite says of a call that failed.
struct SQLiteError: Error, CustomStringConvertible {
    /// The primary result code (sqlite.org/rescode.html).
    let code: Int32
    /// errno(3) of the system call that failed; 0 where it was none.
    let systemCode: Int32
    let description: String

    /// The database holds what nobody has written.
    static func damaged(_ description: String) -> SQLiteError {
        SQLiteError(code: SQLITE_CORRUPT, systemCode: 0, description: description)
    }

    var isDamage: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }

    /// The error for those who know nothing of SQLite.
    ///
    /// - Parameters:
    ///   - operation: What was being done.
    ///   - path: On which file.
    func asSystemError(_ operation: String, _ path: String) -> SystemError {
        switch code {
        case SQLITE_FULL: SystemError(operation, path, code: systemCode == EDQUOT ? EDQUOT : ENOSPC)
        case SQLITE_READONLY: SystemError(operation, path, code: EROFS)
        case SQLITE_BUSY, SQLITE_LOCKED:
            SystemError(operation, path, code: EWOULDBLOCK, reason: "another process holds it")
        case SQLITE_NOMEM: SystemError(operation, path, code: ENOMEM)
        default:
            systemCode > 0
                ? SystemError(operation, path, code: systemCode)
                : SystemError(operation, path, code: EIO, reason: description)
        }
    }
}

/// A connection to a database, for one thread at a time.
final class SQLiteConnection {
    fileprivate let handle: OpaquePointer

    /// Opens the database at `path`.
    init(path: String) throws(SQLiteError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard let handle else { throw SQLiteError(code: SQLITE_NOMEM, systemCode: 0, description: "out of memory") }
        self.handle = handle
        guard code == SQLITE_OK else { throw error(code) }
        let kept = keep_wal_on_close(handle)
        guard kept == SQLITE_OK else { throw error(kept) }
    }

    deinit {
        // Statements hold the connection, so there is none left.
        sqlite3_close(handle)
    }

    /// Runs statements whose rows, if any, are not of interest.
    func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    /// The first column of the first row.
    func integer(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try SQLiteStatement(sql, self)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The first column of the first row, as text.
    func text(_ sql: String) throws(SQLiteError) -> String {
        let statement = try SQLiteStatement(sql, self)
        defer { statement.reset() }
        return try statement.step() ? String(decoding: statement.bytes(0), as: UTF8.self) : ""
    }

    /// Runs `body` in a transaction, which is rolled back where it throws.
    func transaction(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
        try execute("BEGIN IMMEDIATE")
        do {
            try body()
            try execute("COMMIT")
        } catch {
            // SQLite has rolled some back itself.
            if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
            throw error
        }
    }

    fileprivate func error(_ code: Int32) -> SQLiteError {
        let isSystem = [SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN].contains(code & 0xFF)
        return SQLiteError(
            code: code & 0xFF, systemCode: isSystem ? sqlite3_system_errno(handle) : 0,
            description: String(cString: sqlite3_errmsg(handle)))
    }
}

/// A prepared statement.
final class SQLiteStatement {
    private let connection: SQLiteConnection
    private let handle: OpaquePointer

    init(_ sql: String, _ connection: SQLiteConnection) throws(SQLiteError) {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw connection.error(code) }
        self.connection = connection
        self.handle = handle
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// Goes to the next row; false where there is none.
    func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            let error = connection.error(code)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Makes it ready to run again. What a step said before is said again, so there is nothing to check.
    func reset() {
        sqlite3_reset(handle)
    }

    func bind(_ index: Int32, _ value: Int64) throws(SQLiteError) {
        try check(sqlite3_bind_int64(handle, index, value))
    }

    /// - Parameter bytes: Kept by the caller until the statement has run; nil of a base address is an empty BLOB.
    func bind(_ index: Int32, _ bytes: UnsafeRawBufferPointer) throws(SQLiteError) {
        let isEmpty = bytes.isEmpty
        try check(
            isEmpty
                ? sqlite3_bind_zeroblob(handle, index, 0)
                : sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), nil))
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func bytes(_ column: Int32) -> [UInt8] {
        let start = sqlite3_column_blob(handle, column)
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw connection.error(code) }
    }
}
