import Glibc

/// Memory that a message is received into and that ``ByteSlice``s of it keep alive.
///
/// Sendable because it is filled by whoever holds the only reference to it, and is only read once slices of it are out; the
/// one exception, ``ByteSlice/withPrefix(_:_:)``, states its own condition. For the same reason accesses to its properties need not
/// be recorded at run time (`@exclusivity`), which cost 1,500 instructions a line.
package final class ByteBuffer: @unchecked Sendable {
    @exclusivity(unchecked) private(set) var base: UnsafeMutableRawPointer
    /// Bytes that there is room for.
    @exclusivity(unchecked) package private(set) var capacity: Int
    /// Bytes that are filled.
    @exclusivity(unchecked) package private(set) var count = 0

    package init(capacity: Int) {
        self.capacity = max(capacity, 16)
        guard let memory = malloc(self.capacity) else { Self.outOfMemory(self.capacity) }
        base = memory
    }

    package convenience init(_ bytes: some Collection<UInt8>) {
        self.init(capacity: bytes.count)
        append(bytes)
    }

    deinit {
        free(base)
    }

    /// Makes room for `wanted` bytes in all. The C library moves large blocks by remapping them, without a copy.
    package func reserve(_ wanted: Int) {
        guard wanted > capacity else { return }
        guard let grown = realloc(base, wanted) else { Self.outOfMemory(wanted) }
        base = grown
        capacity = wanted
    }

    /// Lets `fill` write behind the filled bytes and say how many it wrote.
    package func append(filling fill: (UnsafeMutableRawBufferPointer) -> Int) {
        let added = fill(UnsafeMutableRawBufferPointer(start: base + count, count: capacity - count))
        precondition(added >= 0 && added <= capacity - count)
        count += added
    }

    package func append(_ bytes: some Collection<UInt8>) {
        if count + bytes.count > capacity { reserve(max(count + bytes.count, 2 * capacity)) }
        append { room in
            room.copyBytes(from: bytes)
            return bytes.count
        }
    }

    package func append(_ slice: ByteSlice) {
        slice.withBytes { bytes in
            bytes.withUnsafeBytes { append($0) }
        }
    }

    /// Forgets the first `number` bytes; what follows moves to the front.
    package func removeFirst(_ number: Int) {
        precondition(number >= 0 && number <= count)
        if number < count { memmove(base, base + number, count - number) }
        count -= number
    }

    /// The filled bytes `range`.
    package subscript(range: Range<Int>) -> ByteSlice {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return ByteSlice(buffer: self, range: range)
    }

    package func withBytes<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count).bytes)
    }

    private static func outOfMemory(_ wanted: Int) -> Never {
        fatalError("There is no memory for \(wanted) bytes.")
    }
}
