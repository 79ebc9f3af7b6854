import Testing

@testable import Thrift

/// A value of any Thrift type, to be written, read and compared.
private indirect enum Value: Equatable {
    case bool(Bool)
    case byte(UInt8)
    case int16(Int16)
    case int32(Int32)
    case int64(Int64)
    case double(UInt64)
    case string([UInt8])
    case list(FieldType, [Value])
    case map(FieldType, FieldType, [[Value]])
    case structure([Int16: Value])

    var type: FieldType {
        switch self {
        case .bool: .bool
        case .byte: .byte
        case .int16: .int16
        case .int32: .int32
        case .int64: .int64
        case .double: .double
        case .string: .string
        case .list: .list
        case .map: .map
        case .structure: .structure
        }
    }

    static func random(_ type: FieldType, depth: Int) -> Value {
        let types: [FieldType] =
            depth > 0 ? [.bool, .string, .list, .map, .structure] : [.byte, .int16, .double, .string]
        let count = Int.random(in: 0...4)
        switch type {
        case .bool: return .bool(.random())
        case .byte: return .byte(.random(in: 0...255))
        case .int16: return .int16(.random(in: .min ... .max))
        case .int32: return .int32(.random(in: .min ... .max))
        case .double: return .double(.random(in: 0...(.max)))
        case .string: return .string((0..<Int.random(in: 0...20)).map { _ in .random(in: 0...255) })
        case .list:
            let element = types.randomElement()!
            return .list(element, (0..<count).map { _ in random(element, depth: depth - 1) })
        case .map:
            let value = types.randomElement()!
            return .map(
                .int32, value, (0..<count).map { _ in [random(.int32, depth: 0), random(value, depth: depth - 1)] })
        case .structure:
            let fields = (0..<count).map { _ in
                (Int16.random(in: .min ... .max), random(types.randomElement()!, depth: depth - 1))
            }
            return .structure(Dictionary(fields) { first, _ in first })
        case .int64, .stop, .set, .uuid: return .int64(.random(in: .min ... .max))
        }
    }

    func write(to writer: inout ThriftWriter) {
        switch self {
        case .bool(let value): writer.writeBool(value)
        case .byte(let value): writer.writeByte(value)
        case .int16(let value): writer.writeInt16(value)
        case .int32(let value): writer.writeInt32(value)
        case .int64(let value): writer.writeInt64(value)
        case .double(let bits): writer.writeDouble(Double(bitPattern: bits))
        case .string(let bytes): writer.writeBytes(ByteSlice(bytes))
        case .list(let element, let values):
            writer.writeListHeader(of: element, count: values.count)
            for value in values { value.write(to: &writer) }
        case .map(let key, let value, let entries):
            writer.writeMapHeader(from: key, to: value, count: entries.count)
            for value in entries.joined() { value.write(to: &writer) }
        case .structure(let fields):
            for (id, value) in fields {
                writer.writeField(id, value.type)
                value.write(to: &writer)
            }
            writer.writeStop()
        }
    }

    /// Reads a value of this one's shape.
    func readAgain(from reader: inout ThriftReader) throws(ThriftError) -> Value {
        switch self {
        case .bool: return .bool(try reader.readBool())
        case .byte: return .byte(try reader.readByte())
        case .int16: return .int16(try reader.readInt16())
        case .int32: return .int32(try reader.readInt32())
        case .int64: return .int64(try reader.readInt64())
        case .double: return .double(try reader.readDouble().bitPattern)
        case .string: return .string(try reader.readBytes().array)
        case .list(let element, let values):
            var read: [Value] = []
            try reader.readList(of: element) { (reader) throws(ThriftError) in
                read.append(try values[read.count].readAgain(from: &reader))
            }
            return .list(element, read)
        case .map(let key, let value, let entries):
            var read: [[Value]] = []
            try reader.readMap(from: key, to: value) { (reader) throws(ThriftError) in
                let entry = entries[read.count]
                read.append([try entry[0].readAgain(from: &reader), try entry[1].readAgain(from: &reader)])
            }
            return .map(key, value, read)
        case .structure(let fields):
            var read: [Int16: Value] = [:]
            try reader.readStruct { (reader, id, type) throws(ThriftError) in
                guard let field = fields[id], field.type == type else { return false }
                read[id] = try field.readAgain(from: &reader)
                return true
            }
            return .structure(read)
        }
    }
}

extension ByteSlice {
    var array: [UInt8] {
        withBytes { bytes in bytes.withUnsafeBytes { [UInt8]($0) } }
    }
}

@Suite struct RoundTripTests {
    @Test("random structs come back as they were written, and are skipped to their end")
    func random() throws {
        for _ in 0..<500 {
            let value = Value.random(.structure, depth: 4)
            var writer = ThriftWriter()
            value.write(to: &writer)
            let bytes = ByteSlice(writer.bytes)
            var reader = ThriftReader(bytes)
            #expect(try value.readAgain(from: &reader) == value)
            #expect(reader.offset == bytes.count)
            var skipper = ThriftReader(bytes)
            try skipper.skip(.structure)
            #expect(skipper.offset == bytes.count)
            for end in 0..<bytes.count {
                var truncated = ThriftReader(bytes[0..<end])
                #expect(throws: ThriftError.truncated) { try truncated.skip(.structure) }
            }
        }
    }

    @Test("a length beyond what is there is refused")
    func lengths() {
        for hex in ["00000005 61626364", "7fffffff 61", "00 00"] {
            var reader = ThriftReader(ByteSlice([UInt8](hex: hex)))
            #expect(throws: ThriftError.truncated) { try reader.readBytes() }
        }
        var reader = ThriftReader(ByteSlice([UInt8](hex: "ffffffff")))
        #expect(throws: ThriftError.negativeLength(-1)) { try reader.readBytes() }
    }

    @Test("bytes that are no UTF-8 pass unharmed")
    func invalidUTF8() throws {
        let bytes: [UInt8] = [0xFF, 0x00, 0xC3, 0x28, 0x80]
        var writer = ThriftWriter()
        writer.writeBytes(ByteSlice(bytes))
        var reader = ThriftReader(ByteSlice(writer.bytes))
        #expect(try reader.readBytes().array == bytes)
    }

    @Test("a prefix stands before a slice while it is asked for, and is gone after")
    func prefix() {
        let buffer = ByteBuffer(Array("0123456789 text".utf8))
        func withPrefix(_ slice: ByteSlice) -> String {
            var text = ""
            slice.withPrefix("MESSAGE=") { text = String(decoding: $0, as: UTF8.self) }
            return text
        }
        #expect(withPrefix(buffer[11..<15]) == "MESSAGE=text")
        #expect(buffer[0..<15].string == "0123456789 text")
        #expect(withPrefix(buffer[2..<4]) == "MESSAGE=23")
        #expect(withPrefix(buffer[3..<3]) == "MESSAGE=")
    }
}
