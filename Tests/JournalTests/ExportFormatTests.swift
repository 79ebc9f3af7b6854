import CSystemd
import Testing

@testable import Journal

@Suite struct ExportFormatTests {
    /// An entry's bytes, whose message is `MESSAGE=m`.
    private func body(_ fields: [(name: String, value: [UInt8])], number: String = "") -> [UInt8] {
        var entry = JournalEntry()
        for field in fields {
            entry.add("", named: Array(field.name.utf8).span.bytes) { $0.append(field.value.span.bytes) }
        }
        return Array("MESSAGE=m".utf8).withUnsafeBytes { message in
            Array(number.utf8).withUnsafeBytes { number in
                entry.with(message: message) { ExportFormat.body($0, number: number, received: 17, bootID: "b") }
            }
        }
    }

    private func fields(_ body: [UInt8]) -> [[UInt8]] {
        var body = body
        return body.withUnsafeMutableBytes { bytes in
            ExportFormat.withFields(of: bytes) { $0.map { [UInt8]($0.bytes) } }
        }
    }

    private static let id = "OSQUERY_STREAM=0123456789abcdeffedcba9876543210\nOSQUERY_SEQUENCE=205\n"

    @Test("an entry is in Journal Export Format, its number first")
    func format() {
        let bytes = body([("TEXT", Array("a\nb".utf8)), ("PRIORITY", [0x36])], number: Self.id)
        let expected =
            Array("__REALTIME_TIMESTAMP=17\n_BOOT_ID=b\n\(Self.id)MESSAGE=m\nTEXT\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0]
            + Array("a\nb\nPRIORITY=6\n\n".utf8)
        #expect(bytes == expected)
    }

    @Test("an entry's number is read from its bytes")
    func number() {
        let stream = StreamID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        #expect(ExportFormat.id(of: body([], number: Self.id)) == EntryID(stream: stream, sequence: 205))
        #expect(ExportFormat.id(of: body([])) == nil)
        // That of the entry which opens a stream.
        #expect(ExportFormat.id(of: body([("OSQUERY_STREAM", Array(stream.text.utf8))])) == nil)
        for text in [
            "", "__REALTIME_TIMESTAMP=", "_", "OSQUERY_STREAM=0123\nOSQUERY_SEQUENCE=1\n", Self.id.dropLast() + "x\n",
        ] {
            #expect(ExportFormat.id(of: Array(text.utf8)) == nil)
        }
    }

    @Test("fields of any bytes come back as they were, with when they were received")
    func roundTrip() {
        for _ in 0..<300 {
            let entry = (0..<Int.random(in: 1...8)).map { index in
                (
                    name: "F\(index)",
                    value: (0..<Int.random(in: 0...40)).map { _ in
                        [UInt8(0x0A), 0x3D, 0x00, 0x41, 0xFF].randomElement()!
                    }
                )
            }
            let expected = entry.map { Array("\($0.name)=".utf8) + $0.value }
            let received = Array("OSQUERY_RECEIVED_TIMESTAMP=17".utf8)
            #expect(fields(body(entry)) == [Array("MESSAGE=m".utf8)] + expected + [received])
        }
    }

    @Test("what is sent has the fields as they were, and when they were received")
    func pieces() {
        let bytes = body([("TEXT", Array("a\nb".utf8)), ("PRIORITY", [0x36])])
        let (sent, size) = ExportFormat.withPieces(of: bytes) { pieces, size in
            (pieces.flatMap { [UInt8]($0.bytes) }, size)
        }
        let expected =
            Array("MESSAGE=m\nTEXT\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0]
            + Array("a\nb\nPRIORITY=6\nOSQUERY_RECEIVED_TIMESTAMP=17\n".utf8)
        #expect(sent == expected && size == expected.count)
    }

    @Test("decorations that are too many are left out of what an earlier version has kept")
    func limit() {
        func body(_ count: Int) -> [UInt8] {
            let decorations = (0..<count).map { "OSQUERY_DECORATION_\($0)=v\n" }.joined()
            return Array("__REALTIME_TIMESTAMP=17\n_BOOT_ID=b\nMESSAGE=m\n\(decorations)\n".utf8)
        }
        #expect(ExportFormat.limited(body(990)) == nil)
        let limited = ExportFormat.limited(body(1100)).map { fields($0) } ?? []
        let texts = limited.map { String(decoding: $0, as: UTF8.self) }
        #expect(texts.first == "MESSAGE=m" && texts.suffix(2).first == "OSQUERY_TRUNCATED=103 fields")
        #expect(texts.contains("OSQUERY_DECORATION_996=v") && !texts.contains("OSQUERY_DECORATION_997=v"))
        #expect(texts.count == 1 + 997 + 2)
    }

    @Test("an entry that is too large keeps its small fields, and says what is missing")
    func shortened() {
        let large = [UInt8](repeating: 0x78, count: 5000)
        let bytes = body([("A", [0x31]), ("LARGE", large), ("B", [0x32])], number: Self.id)
        let fields = fields(ExportFormat.shortened(bytes)).map { String(decoding: $0, as: UTF8.self) }
        let expected =
            Self.id.split(separator: "\n").map(String.init) + [
                "MESSAGE=m", "A=1", "B=2", "OSQUERY_TRUNCATED=LARGE, 5000 bytes", "OSQUERY_RECEIVED_TIMESTAMP=17",
            ]
        #expect(fields == expected)
    }
}
