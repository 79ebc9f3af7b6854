import Testing

@testable import Thrift

@Suite struct MessageScannerTests {
    /// A call `name(1: [string: string])` of our own making; the vectors of Apache Thrift are tested with the services.
    private static let call: [UInt8] = {
        var writer = ThriftWriter()
        writer.writeMessageHeader(.call, name: ByteSlice("call"), sequenceID: 7)
        writer.writeField(1, .map)
        writer.writeMapHeader(from: .string, to: .string, count: 2)
        for text in ["key", "value", "", "π"] { writer.writeString(text) }
        writer.writeField(2, .list)
        writer.writeListHeader(of: .structure, count: 1)
        writer.writeStop()
        writer.writeStop()
        return writer.bytes
    }()

    private func scan(_ bytes: [UInt8]) throws -> Int? {
        var scanner = MessageScanner()
        return try scanner.scan(bytes)
    }

    @Test("the end is found at whatever place the bytes are split")
    func split() throws {
        for first in 0..<Self.call.count {
            var scanner = MessageScanner()
            #expect(try scanner.scan(Array(Self.call[..<first])) == nil)
            #expect(scanner.needed > first && scanner.needed <= Self.call.count)
            #expect(try scanner.scan(Self.call) == Self.call.count)
        }
    }

    @Test("byte by byte, with another message behind")
    func byteByByte() throws {
        let two = Self.call + Self.call
        var scanner = MessageScanner()
        for count in 1..<Self.call.count { #expect(try scanner.scan(Array(two[..<count])) == nil) }
        #expect(try scanner.scan(two) == Self.call.count)
        #expect(scanner.header?.sequenceID == 7)
        #expect(scanner.header?.kind == .call)
    }

    @Test(
        "a head that is none is refused",
        arguments: [
            ("80020001", ThriftError.unsupportedVersion(0x8002_0001)),
            ("ffffffff", .unsupportedVersion(0xFFFF_FFFF)),
            ("474554202f", .messageTooLarge),  // GET /
            ("80010001ffffffff", .negativeLength(-1)),
            ("800100017fffffff", .messageTooLarge),
            ("8001000900000001610000000100", .unknownMessageKind(9)),
            ("0000000161000000000100", .unknownMessageKind(0)),
        ])
    func badHeads(hex: String, error: ThriftError) {
        #expect(throws: error) { try scan([UInt8](hex: hex)) }
    }

    @Test(
        "lengths, counts and types that cannot be are refused before anything is made of them",
        arguments: [
            ("0b0001ffffffff", ThriftError.negativeLength(-1)),
            ("0b00017fffffff", .messageTooLarge),
            ("0f00010bffffffff", .negativeLength(-1)),
            ("0f00010b7fffffff", .messageTooLarge),
            ("0f0001027fffffff", .messageTooLarge),
            ("0d00010b0b7fffffff", .messageTooLarge),
            ("0e00010c7fffffff", .messageTooLarge),
            ("050001", .unknownType(5)),
            ("0f00010000000001", .unknownType(0)),
        ])
    func badBodies(hex: String, error: ThriftError) {
        let head = [UInt8](hex: "80010001000000047069 6e6700000001")
        #expect(throws: error) { try scan(head + [UInt8](hex: hex)) }
    }

    @Test("64 levels are taken, 65 refused, and 100,000 too")
    func nesting() throws {
        let head = [UInt8](hex: "800100010000000470696e6700000001")
        func nested(_ levels: Int) -> [UInt8] {
            // The argument struct is a level of its own.
            let inner = levels - 1
            return head + (0..<inner).flatMap { _ in [0x0C, 0x00, 0x01] as [UInt8] }
                + [UInt8](repeating: 0, count: inner + 1)
        }
        #expect(try scan(nested(64)) == nested(64).count)
        #expect(throws: ThriftError.nestedTooDeeply) { try scan(nested(65)) }
        #expect(throws: ThriftError.nestedTooDeeply) { try scan(nested(100_000)) }
    }

    @Test("empty containers may name any element type")
    func emptyContainers() throws {
        let bytes = [UInt8](hex: "800100010000000161000000010f000100000000000d0002000000000000 00")
        #expect(try scan(bytes) == bytes.count)
    }

    @Test("random bytes end in an error or ask for more, and never in a crash")
    func randomBytes() {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<2000 {
            var bytes = (0..<Int.random(in: 0..<200, using: &generator)).map { _ in UInt8.random(in: 0...255) }
            if round.isMultiple(of: 2) { bytes = [UInt8](hex: "80010001000000016100000001") + bytes.map { $0 % 16 } }
            var scanner = MessageScanner()
            do {
                let end = try scanner.scan(bytes)
                #expect(end.map { $0 <= bytes.count } ?? (scanner.needed > bytes.count))
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }
}

extension MessageScanner {
    mutating func scan(_ bytes: [UInt8]) throws(ThriftError) -> Int? {
        try scan(bytes.span.bytes)
    }
}

extension [UInt8] {
    /// The bytes that a hexadecimal text spells; spaces are passed over.
    init(hex: String) {
        let digits = hex.compactMap(\.hexDigitValue)
        self = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
