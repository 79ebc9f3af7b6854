import Glibc
import SystemCalls

/// Which stream was written before this process's, and how far: a file in the spool's directory.
///
/// A process holds a lock (flock(2)) on the file for as long as it runs. Another one that uses the directory meanwhile names no
/// predecessor, and leaves no trace.
final class StreamRecord: Sendable {
    /// The file's name.
    static let name = "stream"

    /// A stream as the file tells of it.
    struct Stream: Equatable {
        var id: StreamID
        /// The number of its last entry; nil where its process did not live to say.
        var last: UInt64?
    }

    /// The stream before.
    let previous: Stream?
    private let file: FileDescriptor
    private let path: String

    /// Nil where the file cannot be used, or another process uses it.
    init?(in directory: borrowing SpoolDirectory) {
        path = "\(directory.path)/\(Self.name)"
        guard let file = try? directory.open(Self.name, O_RDWR | O_CREAT), flock(file.rawValue, LOCK_EX | LOCK_NB) == 0,
            let bytes = try? file.readAll(limit: 4096, path)
        else { return nil }
        previous = Self.stream(bytes)
        self.file = file
    }

    /// Writes which stream this process writes.
    func write(_ stream: Stream) throws(SystemError) {
        let bytes = Array("\(stream.id.text) \(stream.last.map { "\($0)" } ?? "-")\n".utf8)
        guard pwrite(file.rawValue, bytes, bytes.count, 0) == bytes.count,
            ftruncate(file.rawValue, off_t(bytes.count)) == 0
        else { throw SystemError("write to", path) }
    }

    private static func stream(_ bytes: [UInt8]) -> Stream? {
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let id = StreamID(words[0]) else { return nil }
        return Stream(id: id, last: UInt64(words[1]))
    }
}

extension JournalEntry {
    /// The message ID of the entry that opens a stream, and of the one that closes it (journald's catalog knows neither).
    static let openedMessageID: StaticString = "MESSAGE_ID=2cc246c37e2c45388385f8b2b6665767"
    static let closedMessageID: StaticString = "MESSAGE_ID=71930729557f418b9f6a903ac30bf017"

    /// An entry that opens a stream: no log of osqueryd's, and so without its type and without a number.
    static func opening(_ id: StreamID, after previous: StreamRecord.Stream?) -> JournalEntry {
        var entry = JournalEntry(of: id, openedMessageID)
        if let previous {
            entry.add("OSQUERY_STREAM_PREVIOUS", previous.id.text)
            if let last = previous.last { entry.add("OSQUERY_STREAM_PREVIOUS_LAST", "\(last)") }
        }
        return entry
    }

    /// An entry that closes a stream, whose last entry has the number `last`.
    static func closing(_ id: StreamID, last: UInt64) -> JournalEntry {
        var entry = JournalEntry(of: id, closedMessageID)
        entry.add("OSQUERY_STREAM_LAST", "\(last)")
        return entry
    }

    private init(of id: StreamID, _ messageID: StaticString) {
        self.init()
        add("PRIORITY=6")
        add("SYSLOG_IDENTIFIER=tutorial-extension")
        add(messageID)
        add(EntryID.streamField, id.text)
    }
}
