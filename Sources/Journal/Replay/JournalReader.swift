import CSystemd
import Glibc

/// Looks for entries in a file of the journal (sd-journal(3)).
struct JournalReader: ~Copyable {
    private let journal: OpaquePointer
    /// An entry that journald was just writing when it was killed: it does not come up under all of its fields.
    private var unfinished: EntryID?

    /// - Parameters:
    ///   - file: An open file, which stays the caller's. Nil where it cannot be read.
    ///   - isAbandoned: Whether a journald that was killed has left it.
    init?(_ file: Int32, isAbandoned: Bool) {
        var journal: OpaquePointer?
        // By a path that leads to the open file, whatever its name is by now: sd_journal_open_files_fd(3) closes what it is given, where it
        // succeeds and not otherwise, and its documentation does not say so.
        let code = "/proc/self/fd/\(file)".withCString { path in
            var paths: [UnsafePointer<CChar>?] = [path, nil]
            return sd_journal_open_files(&journal, &paths, 0)
        }
        guard code >= 0, let journal else { return nil }
        self.journal = journal
        if isAbandoned { unfinished = findUnfinished() }
    }

    /// The last entry, if it is not found by what journald adds to an entry at last: its data is linked to the entry in the order in
    /// which it was first written (systemd: src/libsystemd/sd-journal/journal-file.c, journal_file_append_entry).
    private func findUnfinished() -> EntryID? {
        guard seekTail(), let id else { return nil }
        for field: StaticString in ["_SOURCE_REALTIME_TIMESTAMP", EntryID.sequenceField] {
            guard seekTail(), let value = bytes(of: field).map({ [UInt8]($0) }) else { continue }
            sd_journal_flush_matches(journal)
            guard sd_journal_add_match(journal, value, value.count) >= 0, sd_journal_seek_tail(journal) >= 0,
                sd_journal_previous(journal) > 0, self.id == id
            else { return id }
        }
        return nil
    }

    /// Goes to the last entry of all.
    private func seekTail() -> Bool {
        sd_journal_flush_matches(journal)
        return sd_journal_seek_tail(journal) >= 0 && sd_journal_previous(journal) > 0
    }

    deinit {
        sd_journal_close(journal)
    }

    /// When the oldest entry came that is in the journal, in microseconds since 1970; nil where that cannot be told.
    static var oldestTime: UInt64? {
        var journal: OpaquePointer?
        guard sd_journal_open_namespace(&journal, JournalNamespace.current.name, Int32(SD_JOURNAL_LOCAL_ONLY)) >= 0
        else {
            return nil
        }
        defer { sd_journal_close(journal) }
        var oldest: UInt64 = 0
        return sd_journal_get_cutoff_realtime_usec(journal, &oldest, nil) > 0 ? oldest : nil
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
        if let unfinished, unfinished.stream == stream, wanted.contains(unfinished.sequence) {
            missing.insert(unfinished.sequence)
        }
        return wanted.subtracting(missing)
    }

    private func contains(_ sequence: UInt64, of stream: StreamID) -> Bool {
        guard match(EntryID.streamField, stream.text), add(EntryID.sequenceField, "\(sequence)") else { return false }
        return sd_journal_seek_head(journal) >= 0 && sd_journal_next(journal) > 0
    }

    /// Has only entries come up that have the field and that a process of our user sent: the fields that journald adds itself tell
    /// ours from those of others, who can name any stream (systemd.journal-fields(7)).
    private func match(_ field: StaticString, _ value: String) -> Bool {
        sd_journal_flush_matches(journal)
        return add(field, value) && add("_UID", "\(getuid())") && add("_TRANSPORT", "journal")
    }

    private func add(_ field: StaticString, _ value: String) -> Bool {
        sd_journal_add_match(journal, "\(field)=\(value)", 0) >= 0
    }

    /// What tells the entry that was read last from all others; nil where it has no number.
    private var id: EntryID? {
        guard let sequence, let stream = bytes(of: EntryID.streamField) else { return nil }
        let text = stream.dropFirst(EntryID.streamField.utf8CodeUnitCount + 1)
        return StreamID(Substring(decoding: text, as: UTF8.self)).map { EntryID(stream: $0, sequence: sequence) }
    }

    /// The number of the entry that was read last.
    private var sequence: UInt64? {
        guard let field = bytes(of: EntryID.sequenceField) else { return nil }
        var number: UInt64 = 0
        for byte in field.dropFirst(EntryID.sequenceField.utf8CodeUnitCount + 1) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
        }
        return number
    }

    /// A field of the entry that was read last, as `NAME=value`, until the next call of the library.
    private func bytes(of field: StaticString) -> UnsafeRawBufferPointer? {
        var data: UnsafeRawPointer?
        var length = 0
        let isThere = field.withUTF8Buffer { name in
            name.withMemoryRebound(to: CChar.self) {
                sd_journal_get_data(journal, $0.baseAddress!, &data, &length) >= 0
            }
        }
        return isThere ? UnsafeRawBufferPointer(start: data, count: length) : nil
    }
}
