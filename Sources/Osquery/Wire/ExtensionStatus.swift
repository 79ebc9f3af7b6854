package import Thrift

/// How a call went (osquery.thrift: ExtensionStatus).
public struct ExtensionStatus: Sendable, Equatable {
    /// 0 success, 1 failed, 2 fatal. A logger answers `features` with its feature bits here.
    public var code: Int32
    /// What went wrong, as a sentence; “OK” otherwise.
    public var message: String
    /// The number under which osqueryd knows the extension that answers.
    public var uuid: Int64

    /// A status; success, unless said otherwise.
    public init(code: Int32 = 0, message: String = "OK", uuid: Int64 = 0) {
        self.code = code
        self.message = message
        self.uuid = uuid
    }

    /// Status 1 with a sentence that says what went wrong.
    public static func failure(_ message: String) -> ExtensionStatus {
        ExtensionStatus(code: 1, message: message)
    }

    init(from reader: inout ThriftReader) throws(ThriftError) {
        self.init(message: "")
        try reader.readStruct { (reader, id, type) throws(ThriftError) in
            switch (id, type) {
            case (1, .int32): code = try reader.readInt32()
            case (2, .string): message = try reader.readString()
            case (3, .int64): uuid = try reader.readInt64()
            default: return false
            }
            return true
        }
    }

    package func write(to writer: inout ThriftWriter) {
        writer.writeField(1, .int32)
        writer.writeInt32(code)
        writer.writeField(2, .string)
        writer.writeString(message)
        writer.writeField(3, .int64)
        writer.writeInt64(uuid)
        writer.writeStop()
    }
}
