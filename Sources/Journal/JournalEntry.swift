import Glibc

/// The fields of a journal entry but for `MESSAGE`, ready to be sent.
///
/// Names are upper case letters, digits and `_`, begin with a letter and have at most 64 bytes: journald drops others
/// silently (systemd: src/libsystemd/sd-journal/journal-file.c, journal_field_valid). Values are bytes of any kind.
package struct JournalEntry: ~Copyable {
    /// The longest name that journald takes.
    package static let longestName = 64

    /// What holds the fields of most entries.
    private static let usualCapacity = 1024
    private static let usualFields = 24

    /// `NAME=value` and a newline each, which is how journald wants them where no value has a newline itself
    /// (systemd.io/JOURNAL_NATIVE_PROTOCOL). An array would look at each small piece whether it is its memory's only owner and
    /// whether there is room, which was a tenth of all instructions of a line.
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var count = 0
    /// Where each field's newline stands.
    private var ends: [Int] = []
    /// Where the field being written begins.
    private var openField: Int?
    private var hasNewlines = false

    package init() {
        capacity = Self.usualCapacity
        memory = Self.allocate(capacity)
        ends.reserveCapacity(Self.usualFields)
    }

    deinit {
        free(memory)
    }

    /// Calls `body` with all fields, where their newlines stand, and whether there are no newlines but those.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer, UnsafeBufferPointer<Int>, Bool) -> R) -> R {
        ends.withUnsafeBufferPointer { ends in
            body(UnsafeRawBufferPointer(start: memory, count: count), ends, !hasNewlines)
        }
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
    /// journald takes.
    package mutating func add(_ prefix: StaticString, named rest: RawSpan, _ write: (inout JournalEntry) -> Void) {
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
        if memchr(memory + start, 0x0A, count - start) != nil { hasNewlines = true }
        ends.append(count)
        put(0x0A)
        openField = nil
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
