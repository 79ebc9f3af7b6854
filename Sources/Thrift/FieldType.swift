/// The type codes of Thrift's binary protocol (thrift/doc/specs/thrift-binary-protocol.md).
package enum FieldType: UInt8, Sendable {
    /// Not a type: the byte that ends a struct.
    case stop = 0
    case bool = 2
    case byte = 3
    case double = 4
    case int16 = 6
    case int32 = 8
    case int64 = 10
    /// Text and binary alike: a length and bytes, which need not be UTF-8.
    case string = 11
    case structure = 12
    case map = 13
    case set = 14
    case list = 15
    /// 16 bytes; newer Thrift only.
    case uuid = 16

    /// Bytes that a value of this type takes on the wire, or nil where that differs from value to value.
    var fixedSize: Int? {
        switch self {
        case .bool, .byte: 1
        case .int16: 2
        case .int32: 4
        case .double, .int64: 8
        case .uuid: 16
        case .stop, .string, .structure, .map, .set, .list: nil
        }
    }

    /// The fewest bytes that a value of this type can take: what bounds a container's count.
    var minimumSize: Int {
        switch self {
        case .stop: 0
        case .structure: 1
        case .string: 4
        case .set, .list: 5
        case .map: 6
        case .bool, .byte, .int16, .int32, .double, .int64, .uuid: fixedSize ?? 1
        }
    }
}
