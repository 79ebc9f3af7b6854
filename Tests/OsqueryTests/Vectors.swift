import Foundation
import Testing

@testable import Osquery
@testable import Thrift

/// Messages that Apache Thrift's library wrote: Fixtures/make-vectors.py.
enum Vectors {
    private static let all: [String: [UInt8]] = {
        let url = Bundle.module.url(forResource: "Fixtures/vectors", withExtension: "txt")!
        let lines = try! String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        return Dictionary(
            uniqueKeysWithValues: lines.map { line in
                let parts = line.split(separator: " ")
                return (String(parts[0]), [UInt8](hex: parts[1]))
            })
    }()

    static func bytes(_ name: String) throws -> [UInt8] {
        try #require(all[name])
    }

    static func message(_ name: String) throws -> Message {
        try Message(bytes(name))
    }
}

extension Message {
    init(_ bytes: [UInt8]) throws {
        var scanner = MessageScanner()
        let span = bytes.span.bytes
        let length = try scanner.scan(span)
        let scanned = scanner.header
        let header = try #require(scanned)
        #expect(length == bytes.count)
        self.init(header: header, bytes: ByteSlice(bytes))
    }
}

extension [UInt8] {
    fileprivate init(hex: Substring) {
        let digits = hex.compactMap(\.hexDigitValue)
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
