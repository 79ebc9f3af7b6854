import Glibc
import SystemCalls
import Testing

@testable import Journal

/// Rows as SQLite writes them, and as they are found in its pages.
@Suite struct SpoolRowTests {
    /// Has SQLite write rows, and finds them.
    ///
    /// - Parameter lookingAt: Called with the last page that was written.
    private func found(
        _ entries: [PendingEntry], lookingAt visit: ([UInt8]) -> Void = { _ in }
    ) throws -> [SpooledEntry?] {
        var template = Array("/tmp/spool-row-tests-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let directory = try SpoolDirectory(path: path, isOwn: true)
        let file = try SpoolFile.create(in: directory)
        let pageSize = SpoolDatabase.pageSize
        defer {
            try? file.remove()
            rmdir(path)
        }
        do {
            try SpoolDatabase(file, isNew: true).append(entries[...])
        }
        visit(try #require(try file.bytes(at: file.walSize - pageSize, count: pageSize, inWAL: true)))
        var scan = SpoolScan(file)
        try scan.readAll()
        return try scan.numbers(after: SpoolDatabase.marks.upperBound).map { try scan.entry($0) }
    }

    private func entry(_ size: Int, received: UInt64 = .random(in: 0...(.max))) -> PendingEntry {
        PendingEntry(received: received, body: (0..<size).map { _ in UInt8.random(in: 0...255) })
    }

    @Test("an entry is not taken for another one that was written over it")
    func overwritten() throws {
        var template = Array("/tmp/spool-row-tests-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let file = try SpoolFile.create(in: try SpoolDirectory(path: path, isOwn: true))
        defer {
            try? file.remove()
            rmdir(path)
        }
        let database = try SpoolDatabase(file, isNew: true)
        // Of one size, as the entries of a query are: those that follow lie in the WAL just where these were.
        func append() throws {
            try database.append([PendingEntry(received: 1, body: [UInt8](repeating: 65, count: 600))])
        }
        for _ in 0..<300 { try append() }
        var scan = SpoolScan(file)
        try scan.readAll()
        let numbers = scan.numbers(after: SpoolDatabase.marks.upperBound)
        #expect(numbers == (3..<303).map { $0 })
        for _ in 0..<300 { try append() }
        let found = try numbers.map { try scan.entry($0)?.number }
        // Those that were in the WAL are not there any more, and the rest are what they were.
        #expect(zip(found, numbers).allSatisfy { $0 == nil || $0 == $1 })
        #expect(found.contains(nil) && found.contains(3))
        // Whoever reads them searches again.
        #expect(try SalvagedSpool(file).read(after: 2).map(\.number) == (3..<67).map { $0 })
    }

    @Test(
        "rows of any size are found, on pages of their own or over many",
        arguments: [0, 1, 56, 57, 127, 400, 488, 489, 4000, 4030, 4040, 4061, 4070, 8192, 100_000])
    func sizes(_ size: Int) throws {
        let entries = (0..<20).map { _ in entry(size) }
        let found = try found(entries)
        // Not whole bodies: what fails is printed.
        #expect(found.map { $0?.body.count } == entries.map(\.body.count))
        #expect(found.map { $0?.body }.hashValue == entries.map { Optional($0.body) }.hashValue)
        #expect(found.map { $0?.received } == entries.map(\.received))
        #expect(found.map { $0?.number } == (3..<23).map { $0 })
    }

    @Test("times of any size are found", arguments: (0..<64).map { UInt64(1) << $0 } + [0, .max, 0x7F, 0xFF])
    func times(_ received: UInt64) throws {
        let entries = [entry(10, received: received), entry(10, received: received &- 1)]
        #expect(try found(entries).map { $0?.received } == entries.map(\.received))
    }

    @Test("a page in a value holds no rows")
    func decoys() throws {
        // A page of a database as a value, whose salt is another one.
        let entries = (0..<5).map { _ in entry(300) }
        var page: [UInt8] = []
        _ = try found(entries) { page = $0 }
        try #require(SpoolRow.numbers(in: page) == [3, 4, 5, 6, 7])
        let decoys = [PendingEntry(received: 1, body: page)]
        #expect(try found(decoys).map { $0?.body }.hashValue == [Optional(page)].hashValue)
    }

    @Test("bytes of any kind are searched")
    func anything() {
        for _ in 0..<200 {
            var page = (0..<4096).map { _ in UInt8.random(in: 0...255) }
            for _ in 0..<200 {
                let offset = Int.random(in: 0..<4094)
                page[offset] = UInt8.random(in: 5...13)
                page[offset + 1] = 0
            }
            page[0] = 0x0D
            for header in 0..<4095 where SpoolRow.headerLengths.contains(page[header]) {
                if let row = SpoolRow(page, header: header) {
                    #expect(header + row.localLength <= page.count && row.bodyOffset <= row.localLength)
                }
            }
            _ = SpoolRow.numbers(in: page)
        }
    }

    @Test("any changed byte changes the checksum, as do number, time and salt")
    func checksum() {
        let body = (0..<100).map { _ in UInt8.random(in: 0...255) }
        func checksum(_ body: [UInt8], salt: UInt64 = 1, number: Int64 = 2, received: UInt64 = 3) -> Int64 {
            SpooledEntry.checksum(salt: salt, number: number, received: received, body: body.span.bytes)
        }
        let right = checksum(body)
        for index in body.indices {
            var changed = body
            changed[index] ^= UInt8.random(in: 1...255)
            #expect(checksum(changed) != right)
        }
        #expect(checksum(body, salt: 0) != right)
        #expect(checksum(body, number: 3) != right)
        #expect(checksum(body, received: 4) != right)
        #expect(checksum(body + [0]) != right)
        #expect(checksum(body.dropLast()) != right)
    }
}
