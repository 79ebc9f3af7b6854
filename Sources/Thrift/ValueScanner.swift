/// Finds where a value ends, in bytes that may still be arriving: what was looked at once is not looked at again, and
/// nothing is allocated, whatever lengths and counts the bytes claim.
struct ValueScanner {
    /// A struct, list, set or map whose end has not been reached.
    private struct Level {
        /// The elements' type; for a map the keys'. `.stop` marks a struct, which is a list of fields.
        var element = FieldType.stop
        /// A map's value type, else the same as `element`.
        var other = FieldType.stop
        /// Elements still to come; a map's keys and values each count.
        var remaining: Int32 = 0
    }

    private var levels: InlineArray<64, Level> = .init(repeating: Level())
    private var depth = 0
    /// A value whose type is known and whose first bytes are not here yet; `.stop` when there is none.
    private var pending: FieldType
    /// The first byte not looked at. May lie behind the bytes that are here, inside a string.
    private(set) var offset: Int
    /// How many bytes must be here before a scan gets any further.
    private(set) var needed = 0

    init(_ type: FieldType, at offset: Int) {
        pending = type
        self.offset = offset
    }

    /// Goes on as far as `bytes` reach; true when the value's end, then at ``offset``, is within them.
    mutating func scan(_ bytes: RawSpan) throws(ThriftError) -> Bool {
        while true {
            if pending != .stop {
                guard try begin(pending, bytes) else { return false }
                pending = .stop
            }
            guard offset <= bytes.byteCount else {
                needed = offset
                return false
            }
            if depth == 0 { return true }
            guard try enterNext(bytes) else { return false }
        }
    }

    /// Makes the innermost level's next value `pending`, or closes the level; false when bytes are missing for that.
    private mutating func enterNext(_ bytes: RawSpan) throws(ThriftError) -> Bool {
        let level = levels[depth - 1]
        if level.element == .stop {
            guard has(1, bytes) else { return false }
            let type = try FieldType(code: bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            if type == .stop {
                offset += 1
                depth -= 1
                return true
            }
            guard has(3, bytes) else { return false }
            offset += 3
            pending = type
        } else if level.remaining == 0 {
            depth -= 1
        } else {
            levels[depth - 1].remaining -= 1
            levels[depth - 1].element = level.other
            levels[depth - 1].other = level.element
            pending = level.element
        }
        return true
    }

    /// Steps over the value's fixed part and opens a level for what it contains; false when bytes are missing for that.
    private mutating func begin(_ type: FieldType, _ bytes: RawSpan) throws(ThriftError) -> Bool {
        switch type {
        case .string:
            guard has(4, bytes) else { return false }
            let length = try bytes.length(at: offset)
            offset += 4
            try advance(length)
        case .structure:
            try open(.stop, .stop, 0)
        case .list, .set:
            guard has(5, bytes) else { return false }
            let count = try bytes.length(at: offset + 1)
            let element = try elementType(bytes, at: offset, count)
            offset += 5
            try enter(element, element, items: count, itemSize: element.minimumSize)
        case .map:
            guard has(6, bytes) else { return false }
            let count = try bytes.length(at: offset + 2)
            let key = try elementType(bytes, at: offset, count)
            let value = try elementType(bytes, at: offset + 1, count)
            offset += 6
            try enter(key, value, items: 2 * count, itemSize: min(key.minimumSize, value.minimumSize))
        case .stop:
            throw .unknownType(0)
        case .bool, .byte, .double, .int16, .int32, .int64, .uuid:
            try advance(type.fixedSize ?? 0)
        }
        return true
    }

    private mutating func enter(
        _ element: FieldType, _ other: FieldType, items: Int, itemSize: Int
    ) throws(ThriftError) {
        guard offset + items * itemSize <= ThriftLimits.messageSize else { throw .messageTooLarge }
        if element == other, let size = element.fixedSize {
            offset += items * size
        } else {
            try open(element, other, items)
        }
    }

    private mutating func open(_ element: FieldType, _ other: FieldType, _ remaining: Int) throws(ThriftError) {
        guard depth < ThriftLimits.depth else { throw .nestedTooDeeply }
        levels[depth] = Level(element: element, other: other, remaining: Int32(remaining))
        depth += 1
    }

    private mutating func advance(_ length: Int) throws(ThriftError) {
        offset += length
        guard offset <= ThriftLimits.messageSize else { throw .messageTooLarge }
    }

    /// An empty container may name any element type: some writers leave it 0.
    private func elementType(_ bytes: RawSpan, at offset: Int, _ count: Int) throws(ThriftError) -> FieldType {
        let code = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        if count == 0 { return .bool }
        let type = try FieldType(code: code)
        guard type != .stop else { throw .unknownType(code) }
        return type
    }

    private mutating func has(_ length: Int, _ bytes: RawSpan) -> Bool {
        needed = offset + length
        return needed <= bytes.byteCount
    }
}

extension FieldType {
    init(code: UInt8) throws(ThriftError) {
        guard let type = FieldType(rawValue: code) else { throw .unknownType(code) }
        self = type
    }
}

extension RawSpan {
    func int32(at offset: Int) -> Int32 {
        Int32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Int32.self))
    }

    /// A length or count, which must not be below zero.
    func length(at offset: Int) throws(ThriftError) -> Int {
        let length = int32(at: offset)
        guard length >= 0 else { throw .negativeLength(length) }
        return Int(length)
    }
}
