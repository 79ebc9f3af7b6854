import Glibc

/// The fields of a journal entry but for `MESSAGE`, ready to be sent.
///
/// Names are upper case letters, digits and `_`, begin with a letter and have at most 64 bytes: journald drops others
/// silently (systemd: src/libsystemd/sd-journal/journal-file.c, journal_field_valid). Values are bytes of any kind.
package struct JournalEntry: ~Copyable {
    /// The longest name that journald takes.
    package static let longestName = 64
    /// How many fields an entry may have, the message and its number included. journald drops one of more than 1,024 silently, counting
    /// those that it adds itself (systemd: src/libsystemd/sd-journal/journal-def.h, ENTRY_FIELD_COUNT_MAX).
    package static let maximumFields = 1000
    /// How many of them are left for those that must not be missing.
    private static let reservedFields = 20

    /// What holds the fields of most entries.
    private static let defaultCapacity = 1024

    /// The fields in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): `NAME=value` and a newline each; where the value
    /// has a newline itself, the name, a newline, the length in 8 bytes, the value and a newline.
    ///
    /// An array would look at each small piece whether it is its memory's only owner and whether there is room, which was a tenth of
    /// all instructions of a line.
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0
    private var fieldCount = 0
    /// Fields that were left out, because there are too many.
    private var omittedCount = 0
    /// Where the field being written begins.
    private var openField: Int?

    package init() {
        capacity = Self.defaultCapacity
        memory = Self.allocate(capacity)
    }

    deinit {
        free(memory)
    }

    /// Calls `body` with all fields in journald's native protocol.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        body(UnsafeRawBufferPointer(start: memory, count: count))
    }

    /// How far the entry has come.
    package struct Mark {
        fileprivate let count, fieldCount, omittedCount: Int
    }

    package var mark: Mark { Mark(count: count, fieldCount: fieldCount, omittedCount: omittedCount) }

    /// Takes back the fields that were added since `mark`.
    package mutating func removeFields(from mark: Mark) {
        (count, fieldCount, omittedCount) = (mark.count, mark.fieldCount, mark.omittedCount)
    }

    /// Says in a field how many fields were left out. To be called when all others were added.
    package mutating func addTruncation() {
        if omittedCount > 0 { add("OSQUERY_TRUNCATED", "\(omittedCount) fields") }
    }

    /// Adds a field whose text is `NAME=value`.
    package mutating func add(_ field: StaticString) {
        begin()
        append(field)
        end()
    }

    /// Adds a field with the value that `write` appends.
    package mutating func add(_ name: StaticString, _ write: (inout JournalEntry) -> Void) {
        begin()
        append(name)
        put(UInt8(ascii: "="))
        write(&self)
        end()
    }

    package mutating func add(_ name: StaticString, _ value: RawSpan) {
        begin()
        append(name)
        put(UInt8(ascii: "="))
        append(value)
        end()
    }

    package mutating func add(_ name: StaticString, _ value: String) {
        add(name, value.utf8Span.span.bytes)
    }

    /// Adds a field named `prefix` and then `rest`, made upper case and with `_` for what a name cannot hold, cut to what
    /// journald takes. Such a field is left out, and counted, where the entry has as many as journald takes.
    package mutating func add(_ prefix: StaticString, named rest: RawSpan, _ write: (inout JournalEntry) -> Void) {
        guard fieldCount < Self.maximumFields - Self.reservedFields else {
            omittedCount += 1
            return
        }
        begin()
        append(prefix)
        for offset in 0..<min(rest.byteCount, Self.longestName - prefix.utf8CodeUnitCount) {
            put(Self.nameByte(rest.unsafeLoad(fromByteOffset: offset, as: UInt8.self)))
        }
        put(UInt8(ascii: "="))
        write(&self)
        end()
    }

    /// Appends to the value of the field being written.
    package mutating func append(_ value: RawSpan) {
        value.withUnsafeBytes { if !$0.isEmpty { append($0.baseAddress!, $0.count) } }
    }

    package mutating func append(_ value: String) {
        append(value.utf8Span.span.bytes)
    }

    private mutating func begin() {
        precondition(openField == nil)
        openField = count
    }

    private mutating func append(_ text: StaticString) {
        append(text.utf8Start, text.utf8CodeUnitCount)
    }

    private mutating func append(_ bytes: UnsafeRawPointer, _ length: Int) {
        makeRoom(length)
        memcpy(memory + count, bytes, length)
        count += length
    }

    private mutating func put(_ byte: UInt8) {
        makeRoom(1)
        memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    private mutating func end() {
        guard let start = openField else { return }
        if memchr(memory + start, 0x0A, count - start) != nil { frameValue(of: start) }
        put(0x0A)
        fieldCount += 1
        openField = nil
    }

    /// Gives the value of the last field, which has a newline, its length in place of the `=`.
    private mutating func frameValue(of start: Int) {
        guard let equals = memchr(memory + start, Int32(UInt8(ascii: "=")), count - start) else { return }
        let value = equals - memory + 1
        let length = count - value
        makeRoom(8)
        memmove(memory + value + 8, memory + value, length)
        memory.storeBytes(of: 0x0A, toByteOffset: value - 1, as: UInt8.self)
        memory.storeBytes(of: UInt64(length).littleEndian, toByteOffset: value, as: UInt64.self)
        count += 8
    }

    private mutating func makeRoom(_ length: Int) {
        guard count + length > capacity else { return }
        capacity = max(2 * capacity, count + length)
        memory = Self.allocate(capacity, for: memory)
    }

    private static func allocate(_ size: Int, for old: UnsafeMutableRawPointer? = nil) -> UnsafeMutableRawPointer {
        guard let memory = realloc(old, size) else { fatalError("There is no memory for \(size) bytes.") }
        return memory
    }

    private static func nameByte(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 0x20
        default: UInt8(ascii: "_")
        }
    }
}
