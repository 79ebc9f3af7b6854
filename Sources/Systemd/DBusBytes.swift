import Glibc

/// Reads values of D-Bus where they lie, in this machine's byte order (D-Bus Specification, “Marshaling (Wire Format)”).
///
/// Each length is checked against what is left. The bytes must outlive the value.
struct DBusBytes {
    /// Variants within variants; the specification's bound on all nesting.
    private static let maximumDepth = 64

    private let bytes: UnsafeRawBufferPointer
    private var offset: Int
    private var depth = 0

    /// - Parameter bytes: Values, the first of which is aligned as it is in its message.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        offset = 0
    }

    var isAtEnd: Bool { offset == bytes.count }

    /// What has not been read.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[offset...]) }

    /// The next entry of a dictionary from names to variants.
    mutating func nextProperty() throws(SystemdError) -> (name: UnsafeRawBufferPointer, value: DBusValue) {
        try align(to: 8)
        let name = try text()
        return (name, try variant())
    }

    /// A value that says of what type it is.
    mutating func variant() throws(SystemdError) -> DBusValue {
        let signature = try self.signature()
        let value = DBusValue(signature: signature, bytes: self)
        try skip(signature)
        return value
    }

    /// The entries of a dictionary, or an array of structs, to be read on their own.
    mutating func entries() throws(SystemdError) -> DBusBytes {
        let length = Int(try number(as: UInt32.self))
        try align(to: 8)
        let start = offset
        try advance(length)
        return DBusBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<offset]))
    }

    /// A fixed-size number.
    mutating func number<T: FixedWidthInteger & BitwiseCopyable>(as type: T.Type) throws(SystemdError) -> T {
        try align(to: MemoryLayout<T>.size)
        let start = offset
        try advance(MemoryLayout<T>.size)
        return bytes.loadUnaligned(fromByteOffset: start, as: T.self)
    }

    /// A text or object path, without the NUL after it.
    mutating func text() throws(SystemdError) -> UnsafeRawBufferPointer {
        try take(Int(try number(as: UInt32.self)))
    }

    mutating func string() throws(SystemdError) -> String {
        String(decoding: try text(), as: UTF8.self)
    }

    /// Calls `body` for each element of an array whose elements are aligned to `alignment`.
    mutating func forEachElement(
        alignedTo alignment: Int, _ body: (inout DBusBytes) throws(SystemdError) -> Void
    ) throws(SystemdError) {
        let length = Int(try number(as: UInt32.self))
        try align(to: alignment)
        let end = offset + length
        guard end <= bytes.count else { throw .malformed }
        while offset < end {
            try align(to: alignment)
            try body(&self)
        }
        guard offset == end else { throw .malformed }
    }

    /// Steps over values of the types that `signature` names.
    mutating func skip(_ signature: UnsafeRawBufferPointer) throws(SystemdError) {
        var position = 0
        while position < signature.count {
            switch signature[position] {
            case UInt8(ascii: "a"):
                let length = Int(try number(as: UInt32.self))
                guard position + 1 < signature.count else { throw .malformed }
                try align(to: Self.alignment(signature[position + 1]))
                try advance(length)
                position = try Self.endOfType(at: position + 1, in: signature)
                continue
            case UInt8(ascii: "s"), UInt8(ascii: "o"):
                _ = try text()
            case UInt8(ascii: "g"):
                _ = try self.signature()
            case UInt8(ascii: "v"):
                guard depth < Self.maximumDepth else { throw .malformed }
                depth += 1
                try skip(try self.signature())
                depth -= 1
            case UInt8(ascii: "("), UInt8(ascii: "{"):
                try align(to: 8)
            case UInt8(ascii: ")"), UInt8(ascii: "}"):
                break
            case let type:
                let size = Self.alignment(type)
                try align(to: size)
                try advance(size)
            }
            position += 1
        }
    }

    /// Types, by their codes.
    mutating func signature() throws(SystemdError) -> UnsafeRawBufferPointer {
        try take(Int(try number(as: UInt8.self)))
    }

    /// Bytes with a NUL after them, which is left out.
    private mutating func take(_ count: Int) throws(SystemdError) -> UnsafeRawBufferPointer {
        let start = offset
        try advance(count + 1)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
    }

    private mutating func advance(_ count: Int) throws(SystemdError) {
        guard count <= bytes.count - offset else { throw .malformed }
        offset += count
    }

    private mutating func align(to alignment: Int) throws(SystemdError) {
        try advance(-offset & (alignment - 1))
    }

    /// What a type is aligned to, which for numbers is also their size.
    private static func alignment(_ type: UInt8) -> Int {
        switch type {
        case UInt8(ascii: "y"), UInt8(ascii: "g"), UInt8(ascii: "v"): 1
        case UInt8(ascii: "n"), UInt8(ascii: "q"): 2
        case UInt8(ascii: "x"), UInt8(ascii: "t"), UInt8(ascii: "d"), UInt8(ascii: "("), UInt8(ascii: "{"): 8
        default: 4
        }
    }

    /// After the one complete type that begins at `position`.
    private static func endOfType(
        at position: Int, in signature: UnsafeRawBufferPointer
    ) throws(SystemdError) -> Int {
        var position = position
        var open = 0
        while position < signature.count {
            let type = signature[position]
            position += 1
            switch type {
            case UInt8(ascii: "("), UInt8(ascii: "{"): open += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"): open -= 1
            case UInt8(ascii: "a"): continue
            default: break
            }
            if open == 0 { return position }
        }
        throw .malformed
    }
}

/// A variant's value, which is read only where it is of the type expected: another systemd may have another.
struct DBusValue {
    let signature: UnsafeRawBufferPointer
    let bytes: DBusBytes

    /// What `read` makes of the value; nil where it is not of this type.
    func read<R>(_ type: StaticString, _ read: (inout DBusBytes) throws(SystemdError) -> R) throws(SystemdError) -> R? {
        guard signature.count == type.utf8CodeUnitCount,
            memcmp(signature.baseAddress!, type.utf8Start, signature.count) == 0
        else { return nil }
        var bytes = bytes
        return try read(&bytes)
    }
}
