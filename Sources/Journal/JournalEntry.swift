/// The fields of a journal entry but for `MESSAGE`, ready to be sent.
///
/// Names are upper case letters, digits and `_`, begin with a letter and have at most 64 bytes: journald drops others
/// silently (systemd: src/libsystemd/sd-journal/journal-file.c, journal_field_valid). Values are bytes of any kind.
package struct JournalEntry {
    /// The longest name that journald takes.
    package static let longestName = 64

    /// Each field as its length, in the machine's byte order, and `NAME=value`.
    private var bytes: [UInt8] = []
    private(set) var fieldCount = 0
    /// Where the length of the field being written stands.
    private var openField: Int?

    package init() {
        bytes.reserveCapacity(512)
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
        bytes.append(UInt8(ascii: "="))
        write(&self)
        end()
    }

    package mutating func add(_ name: StaticString, _ value: String) {
        add(name) { $0.append(value.utf8) }
    }

    /// Adds a field named `prefix` and then `rest`, made upper case and with `_` for what a name cannot hold, cut to what
    /// journald takes.
    package mutating func add(_ prefix: StaticString, named rest: RawSpan, _ write: (inout JournalEntry) -> Void) {
        begin()
        append(prefix)
        for offset in 0..<min(rest.byteCount, Self.longestName - prefix.utf8CodeUnitCount) {
            bytes.append(Self.nameByte(rest.unsafeLoad(fromByteOffset: offset, as: UInt8.self)))
        }
        bytes.append(UInt8(ascii: "="))
        write(&self)
        end()
    }

    /// Appends to the value of the field being written.
    package mutating func append(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }

    package mutating func append(_ value: RawSpan) {
        value.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// Calls `body` with each field's `NAME=value`, in order.
    package func forEachField(_ body: (RawSpan) -> Void) {
        bytes.withUnsafeBytes { all in
            var offset = 0
            while offset < all.count {
                let length = Int(all.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                offset += MemoryLayout<UInt32>.size
                body(UnsafeRawBufferPointer(rebasing: all[offset..<offset + length]).bytes)
                offset += length
            }
        }
    }

    private mutating func begin() {
        precondition(openField == nil)
        openField = bytes.count
        bytes.append(contentsOf: [0, 0, 0, 0])
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func end() {
        guard let field = openField else { return }
        let length = UInt32(bytes.count - field - MemoryLayout<UInt32>.size)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: length, toByteOffset: field, as: UInt32.self) }
        openField = nil
        fieldCount += 1
    }

    private static func nameByte(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 0x20
        default: UInt8(ascii: "_")
        }
    }
}
