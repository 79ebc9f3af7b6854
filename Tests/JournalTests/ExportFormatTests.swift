import CSystemd
import Testing

@testable import Journal

@Suite struct ExportFormatTests {
    private func body(_ fields: [[UInt8]]) -> [UInt8] {
        func encode(_ rest: ArraySlice<[UInt8]>, _ done: [iovec]) -> [UInt8] {
            guard let field = rest.first else {
                return done.withUnsafeBufferPointer { ExportFormat.body($0, received: 17, bootID: "b") }
            }
            return field.withUnsafeBytes { encode(rest.dropFirst(), done + [iovec($0)]) }
        }
        return encode(fields[...], [])
    }

    private func fields(_ body: [UInt8]) -> [[UInt8]] {
        var body = body
        return body.withUnsafeMutableBytes { bytes in
            ExportFormat.withFields(of: bytes) { $0.map { [UInt8]($0.bytes) } }
        }
    }

    @Test("an entry is in Journal Export Format")
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

    @Test("a datagram has the fields as they were, and when they were received")
    func datagram() {
        let bytes = body([Array("MESSAGE=a\nb".utf8), Array("PRIORITY=6".utf8)])
        let datagram = ExportFormat.withDatagram(of: bytes) { parts in parts.flatMap { [UInt8]($0.bytes) } }
        let expected =
            Array("MESSAGE\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0]
            + Array("a\nb\nPRIORITY=6\nOSQUERY_RECEIVED_TIMESTAMP=17\n".utf8)
        #expect(datagram == expected)
        #expect(ExportFormat.withDatagram(of: [UInt8](repeating: 0x41, count: 1 << 20)) { _ in true } == nil)
    }
}
