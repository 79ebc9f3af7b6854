import CSystemd
import Glibc
import SystemCalls

@testable import Journal

/// A database that holds anything before a page of SQLite's, and a WAL that holds anything: no row is found that is none, and those of
/// the page are. And a file of version 0.1.0 that holds anything.
func fuzzSpool(_ input: UnsafeRawBufferPointer) {
    // Checksums keep a fuzzer out of what follows them.
    var body = Array(input)
    body.withUnsafeMutableBytes { bytes in
        ExportFormat.withFields(of: bytes) { fields in
            for field in fields.dropLast() { precondition(field.iov_len <= input.count) }
        }
    }
    _ = ExportFormat.timestamp(of: Array(input))
    ExportFormat.withPieces(of: Array(input)) { pieces, size in
        precondition(pieces.reduce(0) { $0 + $1.iov_len } == size && size <= 2 * input.count + 64)
    }
    _ = ExportFormat.id(of: Array(input))
    _ = ExportFormat.limited(Array(input))
    _ = ExportFormat.shortened(Array(input))
    do {
        var page = Array(input.prefix(SpoolDatabase.pageSize))
        page += [UInt8](repeating: 0, count: SpoolDatabase.pageSize - page.count)
        try write(page + spool.page, to: spool.database)
        try write(Array(input), to: spool.database + "-wal")
        try write(Array(input), to: spool.legacy)
        let directory = try SpoolDirectory(path: spool.directory, isOwn: true)
        var scan = SpoolScan(try SpoolFile.observe(spool.salt, in: directory))
        try scan.readAll()
        let entries = try scan.numbers(after: SpoolDatabase.marks.upperBound).map { try scan.entry($0)?.body }
        precondition(entries == spool.bodies, "Something was found that is not there, or not found that is.")

        guard let legacy = try LegacySpool(in: directory, isShared: true) else {
            preconditionFailure("There is a file.")
        }
        var last: Int64 = 0
        while let newest = try legacy.read(after: last).last?.number { last = newest }
    } catch {
        preconditionFailure("\(error)")
    }
}

private func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
    let file = try FileDescriptor(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600), or: "make", path)
    guard bytes.withUnsafeBytes({ writeAll($0, to: file.rawValue) }) else { throw SystemError("write", path) }
}

/// A database that SQLite has made, whose second page holds three entries.
private let spool:
    (directory: String, salt: UInt64, database: String, legacy: String, page: [UInt8], bodies: [[UInt8]?]) = {
        var name = Array("/dev/shm/fuzz-spool-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { fatalError("No directory can be made in /dev/shm.") }
        let path = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        do {
            let file = try SpoolFile.create(in: try SpoolDirectory(path: path, isOwn: true))
            let bodies = ["one", "two", "three"].map { Array($0.utf8) }
            let database = try SpoolDatabase(file, isNew: true)
            try database.append(bodies.map { PendingEntry(received: 1, body: $0) }[...])
            // The page's newest image is the last frame of the WAL.
            let page = try file.bytes(
                at: file.walSize - SpoolDatabase.pageSize, count: SpoolDatabase.pageSize, inWAL: true)
            return (path, file.salt, file.path, path + "/spool-0000000000000001.export", page ?? [], bodies)
        } catch {
            fatalError("\(error)")
        }
    }()
