import Glibc
package import SystemCalls

/// What is in a spool's directory, read beside the process that uses it, and without changing anything.
package enum SpoolListing {
    /// A file of the spool, and what is in it.
    package struct File: Sendable {
        package let path: String
        /// Entries that have not come into the journal.
        package let entries: Int
        /// Entries that cannot be read.
        package let unreadable: Int
        /// Bytes of the file, and of its WAL.
        package let size: Int
        /// When the oldest entry was received, in microseconds since 1970; 0 where there is none.
        package let oldest: UInt64
    }

    /// The files that hold entries which have not come into the journal.
    package static func files(at path: String) throws(SystemError) -> [File] {
        var files: [File] = []
        try forEachSource(at: path) { (source) throws(SystemError) in
            var (entries, oldest): (Int, UInt64) = (0, 0)
            try forEachEntry(of: source) { (entry) throws(SystemError) in
                entries += 1
                oldest = min(oldest == 0 ? .max : oldest, entry.received)
            }
            if entries + source.lost > 0 {
                files.append(
                    File(
                        path: source.path, entries: entries, unreadable: source.lost, size: source.size, oldest: oldest)
                )
            }
        }
        return files
    }

    /// Calls `visit` with each entry in Journal Export Format, and with how many there are, file by file, oldest first.
    ///
    /// - Returns: How many entries cannot be read.
    package static func export(
        from path: String, _ visit: (_ entry: [UInt8], _ count: Int) throws(SystemError) -> Void
    ) throws(SystemError) -> Int {
        let count = try files(at: path).reduce(0) { $0 + $1.entries }
        var unreadable = 0
        try forEachSource(at: path) { (source) throws(SystemError) in
            try forEachEntry(of: source) { (entry) throws(SystemError) in try visit(entry.body, count) }
            unreadable += source.lost
        }
        return unreadable
    }

    /// Removes all entries; refused while a process uses the spool, and where the directory cannot be a spool's.
    ///
    /// - Returns: How many there were.
    package static func drop(at path: String, isOwnDirectory: Bool) throws(SystemError) -> Int {
        let count = try self.files(at: path).reduce(0) { $0 + $1.entries }
        let directory = try SpoolDirectory(path: path, isOwn: isOwnDirectory, creating: false)
        // All or nothing.
        var files: [SpoolFile] = []
        for salt in SpoolFile.salts(of: try directory.names()) {
            if let file = try SpoolFile.adopt(salt, in: directory) { files.append(file) }
        }
        let legacy = try LegacySpool(in: directory)
        do {
            try legacy?.finish()
        } catch {
            throw error.asSystemError
        }
        for file in files { try file.remove() }
        return count
    }

    /// Throws where no spool can be kept in a directory.
    package static func check(_ path: String, isOwnDirectory: Bool) throws(SystemError) {
        _ = try SpoolDirectory(path: path, isOwn: isOwnDirectory, creating: false)
    }

    /// Calls `visit` with each source, the one with the oldest entry first.
    private static func forEachSource(
        at path: String, _ visit: (any SpoolSource) throws(SystemError) -> Void
    ) throws(SystemError) {
        let directory = try SpoolDirectory(readingFrom: path)
        var sources: [(oldest: UInt64, source: any SpoolSource)] = []
        func add(_ source: any SpoolSource) throws(SystemError) {
            sources.append((try read(source, after: source.forgotten).first?.received ?? .max, source))
        }
        for salt in SpoolFile.salts(of: try directory.names()) {
            do throws(SystemError) {
                try add(try salvaged(try SpoolFile.observe(salt, in: directory)))
            } catch {
                // Replayed and removed meanwhile.
                if error.code != ENOENT { throw error }
            }
        }
        // Reading it goes on where it was, so what is read to sort it is read from another one.
        if let first = try LegacySpool(in: directory, isShared: true),
            let legacy = try LegacySpool(in: directory, isShared: true)
        {
            sources.append((try read(first, after: first.forgotten).first?.received ?? 0, legacy))
        }
        for (_, source) in sources.sorted(by: { $0.oldest < $1.oldest }) { try visit(source) }
    }

    private static func read(_ source: any SpoolSource, after number: Int64) throws(SystemError) -> [SpooledEntry] {
        do {
            return try source.read(after: number)
        } catch {
            throw error.asSystemError
        }
    }

    private static func salvaged(_ file: SpoolFile) throws(SystemError) -> SalvagedSpool {
        do {
            return try SalvagedSpool(file)
        } catch {
            throw error.asSystemError
        }
    }

    private static func forEachEntry(
        of source: any SpoolSource, _ visit: (SpooledEntry) throws(SystemError) -> Void
    ) throws(SystemError) {
        var last = source.forgotten
        while true {
            let entries = try read(source, after: last)
            guard let newest = entries.last else { return }
            for entry in entries { try visit(entry) }
            last = newest.number
        }
    }
}
