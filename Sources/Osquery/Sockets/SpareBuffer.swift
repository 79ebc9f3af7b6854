import SystemCalls
import Thrift

/// The memory of a large message, kept for a moment: new memory costs a page fault for each 4 KiB, more than receiving into it, and
/// snapshots come together.
final class SpareBuffer: Sendable {
    /// Larger ones are given back at once.
    private static let largest = 16 << 20
    /// Calls of ``age()`` without use after which the memory is given back.
    private static let longestAge = 10

    private struct State {
        var buffer: ByteBuffer?
        var age = 0
    }

    private let state = Lock(State())

    /// A buffer with room for `wanted` bytes, without any in it. One that is too small is given back: not both shall be held.
    func take(_ wanted: Int) -> ByteBuffer? {
        state.withLock { state in
            defer { state.buffer = nil }
            return state.buffer.flatMap { $0.capacity >= wanted ? $0 : nil }
        }
    }

    /// Keeps `used`, unless it is too large or somebody has kept a slice of it.
    func keep(_ used: consuming ByteBuffer) {
        guard used.capacity <= Self.largest, isKnownUniquelyReferenced(&used) else { return }
        used.removeFirst(used.count)
        let kept = State(buffer: used)
        state.withLock { $0 = kept }
    }

    /// To be called every now and then.
    func age() {
        state.withLock { state in
            state.age += 1
            if state.age > Self.longestAge { state.buffer = nil }
        }
    }

    /// Gives the memory back.
    func drop() {
        state.withLock { $0.buffer = nil }
    }
}
