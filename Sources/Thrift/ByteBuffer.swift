import CLinux
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
        base = Self.allocate(self.capacity)
    }

    package convenience init(_ bytes: some Collection<UInt8>) {
        self.init(capacity: bytes.count)
        append(bytes)
    }

    /// Filled with zeros. A mapping is so without being written to.
    package convenience init(zeros: Int) {
        self.init(capacity: zeros)
        if capacity < Self.mappedFrom { memset(base, 0, zeros) }
        count = zeros
    }

    deinit {
        Self.free(base, capacity)
    }

    /// Makes room for `wanted` bytes in all. A mapping grows without a copy, and takes no memory until it is filled.
    package func reserve(_ wanted: Int) {
        guard wanted > capacity else { return }
        if capacity >= Self.mappedFrom {
            guard let grown = remap(base, capacity, wanted), grown != MAP_FAILED else { Self.outOfMemory(wanted) }
            base = grown
        } else if wanted >= Self.mappedFrom {
            let grown = Self.allocate(wanted)
            memcpy(grown, base, count)
            Self.free(base, capacity)
            base = grown
        } else {
            guard let grown = realloc(base, wanted) else { Self.outOfMemory(wanted) }
            base = grown
        }
        capacity = wanted
    }

    /// From this size on, memory is a mapping of its own. The C library maps large blocks, too, but stops doing so for sizes
    /// that were freed once (mallopt(3), M_MMAP_THRESHOLD): such a block is copied when it grows, and its memory is kept.
    private static let mappedFrom = 256 << 10

    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer {
        let memory =
            size < mappedFrom
            ? malloc(size) : mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | Int32(MAP_ANONYMOUS), -1, 0)
        guard let memory, memory != MAP_FAILED else { outOfMemory(size) }
        return memory
    }

    private static func free(_ memory: UnsafeMutableRawPointer, _ size: Int) {
        if size < mappedFrom { Glibc.free(memory) } else { munmap(memory, size) }
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

    /// Room for `size` more bytes, to be filled before ``didFill(_:)``.
    package func room(for size: Int) -> UnsafeMutableRawPointer {
        if size > capacity - count { reserve(max(count + size, 2 * capacity)) }
        return base + count
    }

    /// Counts bytes that were put into ``room(for:)``.
    package func didFill(_ size: Int) {
        precondition(size >= 0 && size <= capacity - count)
        count += size
    }

    /// Overwrites filled bytes with a number in network byte order.
    package func store(_ value: Int32, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Int32>.size <= count)
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self)
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

    /// Lets the only owner of the buffer change the filled bytes.
    package func withMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) -> R) -> R {
        body(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    private static func outOfMemory(_ wanted: Int) -> Never {
        fatalError("There is no memory for \(wanted) bytes.")
    }
}
