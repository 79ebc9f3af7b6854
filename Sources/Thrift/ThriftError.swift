/// Why bytes are not the Thrift message they should be.
package enum ThriftError: Error, Equatable {
    /// The bytes end in the middle of a value.
    case truncated
    /// A string length or container count below zero.
    case negativeLength(Int32)
    /// A length, a count or a whole that goes beyond ``ThriftLimits/messageSize``.
    case messageTooLarge
    /// Containers and structs nested deeper than ``ThriftLimits/depth``.
    case nestedTooDeeply
    /// A type code that Thrift does not have.
    case unknownType(UInt8)
    /// A header whose first bits say that it is versioned, but not 0x8001.
    case unsupportedVersion(UInt32)
    /// A message kind other than call, reply, exception and oneway.
    case unknownMessageKind(UInt8)
    /// A value of another type than the caller asked for.
    case unexpectedType(FieldType, expected: FieldType)
}

extension ThriftError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated:
            "The message ends in the middle of a value."
        case .negativeLength(let length):
            "A length of \(length) is below zero."
        case .messageTooLarge:
            "The message is larger than \(ThriftLimits.messageSize >> 20) MiB, the most that is accepted."
        case .nestedTooDeeply:
            "Values are nested deeper than \(ThriftLimits.depth) levels."
        case .unknownType(let code):
            "\(code) is not a Thrift type."
        case .unsupportedVersion(let word):
            "0x\(String(word, radix: 16)) is not the header of a binary protocol message of version 1."
        case .unknownMessageKind(let code):
            "\(code) is not a kind of Thrift message."
        case .unexpectedType(let type, let expected):
            "A value is of type \(type) where \(expected) was expected."
        }
    }
}

/// Bounds on what is accepted from a peer.
package enum ThriftLimits {
    /// Bytes in a message; the default of Apache Thrift's libraries (TConfiguration.h: DEFAULT_MAX_MESSAGE_SIZE).
    package static let messageSize = 100 << 20
    /// Structs and containers within each other; the default of Apache Thrift's libraries.
    package static let depth = 64
}
