import CSystemd
import Glibc

/// Looks for entries in a file of the journal (sd-journal(3)).
struct JournalReader: ~Copyable {
    private let journal: OpaquePointer

    /// - Parameter file: An open file, which stays the caller's. Nil where it cannot be read.
    init?(_ file: Int32) {
        var journal: OpaquePointer?
        // By a path that leads to the open file, whatever its name is by now: sd_journal_open_files_fd(3) closes what it is given, where it
        // succeeds and not otherwise, and its documentation does not say so.
        let code = "/proc/self/fd/\(file)".withCString { path in
            var paths: [UnsafePointer<CChar>?] = [path, nil]
            return sd_journal_open_files(&journal, &paths, 0)
        }
        guard code >= 0, let journal else { return nil }
        self.journal = journal
    }

    deinit {
        sd_journal_close(journal)
    }

    /// Which of a stream's entries are in the file.
    ///
    /// Those of a replay are mostly the newest of their stream, so it is gone through from its end until an older entry comes. What was
    /// not met by then is looked up one by one: what was sent again, for one, comes later than its number tells.
    func find(_ wanted: Set<UInt64>, of stream: StreamID) -> Set<UInt64> {
        guard let oldest = wanted.min() else { return [] }
        var missing = wanted
        guard match(EntryID.streamField, stream.text), sd_journal_seek_tail(journal) >= 0 else { return [] }
        var isEmpty = true
        while !missing.isEmpty, sd_journal_previous(journal) > 0 {
            isEmpty = false
            // The stream's first and last entry have none.
            guard let sequence = sequence else { continue }
            if sequence < oldest { break }
            missing.remove(sequence)
        }
        if isEmpty { return [] }
        for sequence in missing where contains(sequence, of: stream) { missing.remove(sequence) }
        return wanted.subtracting(missing)
    }

    private func contains(_ sequence: UInt64, of stream: StreamID) -> Bool {
        sd_journal_flush_matches(journal)
        guard add(EntryID.streamField, stream.text), add(EntryID.sequenceField, "\(sequence)") else { return false }
        return sd_journal_seek_head(journal) >= 0 && sd_journal_next(journal) > 0
    }

    private func match(_ field: StaticString, _ value: String) -> Bool {
        sd_journal_flush_matches(journal)
        return add(field, value)
    }

    private func add(_ field: StaticString, _ value: String) -> Bool {
        sd_journal_add_match(journal, "\(field)=\(value)", 0) >= 0
    }

    /// The number of the entry that was read last.
    private var sequence: UInt64? {
        var data: UnsafeRawPointer?
        var length = 0
        let isThere = EntryID.sequenceField.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) {
                sd_journal_get_data(journal, $0.baseAddress!, &data, &length) >= 0
            }
        }
        guard isThere, let data else { return nil }
        var number: UInt64 = 0
        for byte in UnsafeRawBufferPointer(start: data, count: length).dropFirst(
            EntryID.sequenceField.utf8CodeUnitCount + 1)
        {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
        }
        return number
    }
}
