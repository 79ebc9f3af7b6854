package import Thrift

/// One of osqueryd's flags as it is set (osquery.thrift: InternalOptionInfo).
public struct OptionInfo: Sendable, Equatable {
    /// What the flag is set to.
    public var value: String
    /// What it is where nobody sets it.
    public var defaultValue: String
    /// `string`, `bool`, `uint64` and the like.
    public var type: String

    /// A flag.
    public init(value: String, defaultValue: String = "", type: String = "string") {
        self.value = value
        self.defaultValue = defaultValue
        self.type = type
    }

    package func write(to writer: inout ThriftWriter) {
        for (id, text) in zip(Int16(1)..., [value, defaultValue, type]) {
            writer.writeField(id, .string)
            writer.writeString(text)
        }
        writer.writeStop()
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
