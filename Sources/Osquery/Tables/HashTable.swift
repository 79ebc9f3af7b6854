import Thrift

/// A set of numbers that are hashes already, in memory that is given back at once: eight bytes a slot, and no other hash
/// function. A `Set` of as many takes the double, and the C library keeps it.
struct HashTable: ~Copyable {
    /// Slots, of which 0 are free.
    private var slots = HashTable.slots(1024)
    private var mask = 1023
    private var count = 0
    private var hasZero = false

    /// Adds a hash; whether it was not there.
    mutating func insert(_ hash: Int) -> Bool {
        guard hash != 0 else {
            defer { hasZero = true }
            return !hasZero
        }
        if count * 5 > mask * 4 { grow() }
        guard Self.put(hash, slots, mask) else { return false }
        count += 1
        return true
    }

    private mutating func grow() {
        let wider = Self.slots(2 * (mask + 1))
        let widerMask = 2 * mask + 1
        slots.withBytes { bytes in
            for slot in 0...mask {
                let hash = bytes.unsafeLoad(fromByteOffset: slot * MemoryLayout<Int>.size, as: Int.self)
                if hash != 0 { _ = Self.put(hash, wider, widerMask) }
            }
        }
        (slots, mask) = (wider, widerMask)
    }

    /// Whoever chooses values cannot choose hashes, whose seed is random, so a free slot is near.
    private static func put(_ hash: Int, _ slots: ByteBuffer, _ mask: Int) -> Bool {
        slots.withMutableBytes { bytes in
            var slot = hash & mask
            while true {
                let found = bytes.load(fromByteOffset: slot * MemoryLayout<Int>.size, as: Int.self)
                if found == hash { return false }
                if found == 0 {
                    bytes.storeBytes(of: hash, toByteOffset: slot * MemoryLayout<Int>.size, as: Int.self)
                    return true
                }
                slot = (slot + 1) & mask
            }
        }
    }

    private static func slots(_ number: Int) -> ByteBuffer { ByteBuffer(zeros: number * MemoryLayout<Int>.size) }
}
