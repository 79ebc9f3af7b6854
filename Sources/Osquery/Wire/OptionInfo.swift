import Thrift

/// One of osqueryd's flags as it is set (osquery.thrift: InternalOptionInfo).
public struct OptionInfo: Sendable, Equatable {
    public var value: String
    public var defaultValue: String
    /// `string`, `bool`, `uint64` and the like.
    public var type: String

    public init(value: String, defaultValue: String = "", type: String = "string") {
        self.value = value
        self.defaultValue = defaultValue
        self.type = type
    }

    init(from reader: inout ThriftReader) throws(ThriftError) {
        self.init(value: "", type: "")
        try reader.readStruct { (reader, id, type) throws(ThriftError) in
            switch (id, type) {
            case (1, .string): value = try reader.readString()
            case (2, .string): defaultValue = try reader.readString()
            case (3, .string): self.type = try reader.readString()
            default: return false
            }
            return true
        }
    }
}
