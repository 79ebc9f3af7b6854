import Testing

@testable import Thrift

@Suite struct AdoptedPieceTests {
    private let large = ByteSlice((0..<200_000).map { UInt8(truncatingIfNeeded: $0) })

    private func pieces(_ writer: ThriftWriter) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        writer.forEachPiece { pieces.append(Array($0)) }
        return pieces
    }

    @Test func aLargePieceIsNotCopied() {
        var writer = ThriftWriter()
        writer.writeByte(1)
        writer.append(large)
        writer.writeByte(2)
        var places: [UnsafeRawPointer?] = []
        writer.forEachPiece { places.append($0.baseAddress) }
        #expect(places.count == 3)
        large.withBytes { bytes in bytes.withUnsafeBytes { #expect(places[1] == $0.baseAddress) } }
        #expect(pieces(writer) == [[1], large.array, [2]])
        #expect(writer.bytes == [1] + large.array + [2])
    }

    @Test func aSecondOneKeepsItsPlace() {
        var writer = ThriftWriter()
        writer.append(large)
        writer.writeByte(7)
        writer.append(large)
        #expect(writer.bytes == large.array + [7] + large.array)
    }

    @Test func nothingOfItIsLeftForTheNextMessage() {
        var writer = ThriftWriter()
        writer.append(large)
        #expect(!writer.isEmpty)
        writer.removeAll()
        #expect(writer.isEmpty && writer.bytes.isEmpty)
    }

    @Test("a buffer keeps its bytes while it grows, also where it becomes a mapping")
    func growth() {
        let buffer = ByteBuffer(capacity: 16)
        for round in 0..<3_000 {
            let room = buffer.room(for: 400)
            room.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: round), count: 400)
            buffer.didFill(400)
        }
        buffer.store(0x0102_0304, at: 1_199_996)
        #expect(buffer.count == 1_200_000)
        for round in 0..<2_999 {
            #expect(buffer[round * 400..<round * 400 + 1].array == [UInt8(truncatingIfNeeded: round)])
        }
        #expect(buffer[1_199_996..<1_200_000].array == [1, 2, 3, 4])
    }
}
