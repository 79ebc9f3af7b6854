/// TApplicationException: how a Thrift server says that it could not do what a message asks for.
package struct ApplicationException: Error, Equatable {
    /// The kinds of thrift/lib/cpp/src/thrift/TApplicationException.h that we send.
    package enum Kind: Int32, Sendable {
        case unknownMethod = 1
        case invalidMessageType = 2
        case internalError = 6
        case protocolError = 7
    }

    package let message: String
    /// As it stands on the wire: a peer may know kinds that we do not.
    package let type: Int32

    package init(_ kind: Kind, _ message: String) {
        self.message = message
        type = kind.rawValue
    }

    package init(from reader: inout ThriftReader) throws(ThriftError) {
        var message = ""
        var type: Int32 = 0
        try reader.readStruct { (reader, id, fieldType) throws(ThriftError) in
            switch (id, fieldType) {
            case (1, .string): message = try reader.readString()
            case (2, .int32): type = try reader.readInt32()
            default: return false
            }
            return true
        }
        self.message = message
        self.type = type
    }

    package func write(to writer: inout ThriftWriter) {
        writer.writeField(1, .string)
        writer.writeString(message)
        writer.writeField(2, .int32)
        writer.writeInt32(type)
        writer.writeStop()
    }
}
