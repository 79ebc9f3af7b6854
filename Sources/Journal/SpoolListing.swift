import Glibc
package import SystemCalls

/// What is in a spool's folder, read beside the process that holds it, and without changing anything.
package enum SpoolListing {
    /// An entry that has not come into the journal.
    package struct Entry: Sendable {
        /// Entries are numbered from 1 on, over all that the spool ever held.
        package let number: UInt64
        /// When it was received, in microseconds since 1970.
        package let received: UInt64
        /// Bytes that it takes.
        package let size: Int
        /// Its file.
        package let file: String
    }

    private static let largestFile = 256 << 20

    /// Calls `visit` with each entry that has not been replayed, and its bytes in Journal Export Format, oldest first.
    ///
    /// - Returns: Bytes that are no whole entry: torn, damaged, or just being written.
    package static func forEachEntry(
        at path: String, _ visit: (Entry, UnsafeRawBufferPointer) throws(SystemError) -> Void
    ) throws(SystemError) -> Int {
        let replayed = try self.replayed(at: path)
        var odd = 0
        for segment in try SpoolDirectory.segments(at: path) {
            let file = "\(path)/\(SpoolDirectory.segmentName(segment.first))"
            let bytes: [UInt8]
            do {
                bytes = try readFile(at: file, limit: largestFile)
            } catch {
                // Replayed, and removed meanwhile.
                if error.code == ENOENT { continue }
                throw error
            }
            let result = bytes.withUnsafeBytes { bytes in
                Result { () throws(SystemError) in try walk(bytes, file, after: replayed, visit) }
            }
            odd += try result.get()
        }
        return odd
    }

    /// Removes all entries; refused while a process holds the spool.
    package static func drop(at path: String) throws(SystemError) {
        let directory = try SpoolDirectory(path: path)
        for segment in try directory.segments() { directory.remove(SpoolDirectory.segmentName(segment.first)) }
        directory.sync()
    }

    private static func replayed(at path: String) throws(SystemError) -> UInt64 {
        do {
            let digits = try readFile(at: "\(path)/\(SpoolReader.positionFile)", limit: 4096)
            return UInt64(String(decoding: digits.prefix(16), as: UTF8.self), radix: 16) ?? 0
        } catch {
            if error.code == ENOENT { return 0 }
            throw error
        }
    }

    private static func walk(
        _ bytes: UnsafeRawBufferPointer, _ file: String, after replayed: UInt64,
        _ visit: (Entry, UnsafeRawBufferPointer) throws(SystemError) -> Void
    ) throws(SystemError) -> Int {
        var offset = 0
        var odd = 0
        while offset < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            guard let head = SpoolEntry.parseHead(rest), let body = SpoolEntry.body(behind: head, in: rest) else {
                let distance = SpoolReader.distanceToEntry(rest)
                (offset, odd) = (offset + distance, odd + distance)
                continue
            }
            let size = SpoolEntry.headLength + head.length
            if head.number > replayed {
                let entry = Entry(
                    number: head.number, received: SpoolEntry.timestamp(of: body), size: size, file: file)
                try visit(entry, UnsafeRawBufferPointer(rebasing: rest[..<size]))
            }
            offset += size
        }
        return odd
    }
}
