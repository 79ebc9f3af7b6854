import CSystemd
import Testing

@testable import Journal

@Suite struct SpoolEntryTests {
    private func body(_ fields: [[UInt8]]) -> [UInt8] {
        func encode(_ rest: ArraySlice<[UInt8]>, _ done: [iovec]) -> [UInt8] {
            guard let field = rest.first else {
                return done.withUnsafeBufferPointer { SpoolEntry.body($0, received: 17, bootID: "b") }
            }
            return field.withUnsafeBytes { encode(rest.dropFirst(), done + [iovec($0)]) }
        }
        return encode(fields[...], [])
    }

    private func fields(_ body: [UInt8]) -> [[UInt8]] {
        var body = body
        return body.withUnsafeMutableBytes { bytes in
            SpoolEntry.withFields(of: bytes) { $0.map { [UInt8]($0.bytes) } }
        }
    }

    @Test("an entry stands there as the Journal Export Format has it")
    func format() {
        let bytes = body([Array("MESSAGE=a\nb".utf8), Array("PRIORITY=6".utf8)])
        let expected =
            Array("__REALTIME_TIMESTAMP=17\n_BOOT_ID=b\nMESSAGE\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0]
            + Array("a\nb\nPRIORITY=6\n\n".utf8)
        #expect(bytes == expected)
    }

    @Test("fields of any bytes come back as they were, with when they were received")
    func roundTrip() {
        for _ in 0..<300 {
            let entry = (0..<Int.random(in: 1...8)).map { index in
                Array("F\(index)=".utf8)
                    + (0..<Int.random(in: 0...40)).map { _ in [UInt8(0x0A), 0x3D, 0x00, 0x41, 0xFF].randomElement()! }
            }
            #expect(fields(body(entry)) == entry + [Array("OSQUERY_RECEIVED_TIMESTAMP=17".utf8)])
        }
    }

    @Test("a head tells number, length and checksum, and any changed byte shows")
    func head() throws {
        let body = body([Array("MESSAGE=text".utf8)])
        let bytes = SpoolEntry.head(number: 0xABC, body: body)
        #expect(bytes.count == SpoolEntry.headLength)
        let head = try #require(bytes.withUnsafeBytes { SpoolEntry.parseHead($0) })
        #expect(head.number == 0xABC)
        #expect(head.length == body.count)
        #expect(head.checksum == SpoolEntry.checksum(body.span.bytes))
        for index in body.indices {
            var changed = body
            changed[index] ^= UInt8.random(in: 1...255)
            #expect(SpoolEntry.checksum(changed.span.bytes) != head.checksum)
        }
        for end in bytes.indices {
            #expect(Array(bytes[..<end]).withUnsafeBytes { SpoolEntry.parseHead($0) } == nil)
        }
    }
}
