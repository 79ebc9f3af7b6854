package import Thrift

/// What an extension says of itself, and osqueryd of those it knows (osquery.thrift: InternalExtensionInfo).
public struct ExtensionInfo: Sendable, Equatable {
    /// The extension's name.
    public var name: String
    /// The extension's own version.
    public var version: String
    /// The SDK that the extension is built with; osqueryd refuses one below 1.7.7 (osquery: extensions/interface.cpp).
    public var sdkVersion: String
    /// The oldest osquery that the extension works with.
    public var minimumSDKVersion: String

    /// What an extension says of itself.
    public init(
        name: String, version: String, sdkVersion: String = "5.0.0", minimumSDKVersion: String = "1.8.0"
    ) {
        self.name = name
        self.version = version
        self.sdkVersion = sdkVersion
        self.minimumSDKVersion = minimumSDKVersion
    }

    package init(from reader: inout ThriftReader) throws(ThriftError) {
        self.init(name: "", version: "", sdkVersion: "", minimumSDKVersion: "")
        try reader.readStruct { (reader, id, type) throws(ThriftError) in
            switch (id, type) {
            case (1, .string): name = try reader.readString()
            case (2, .string): version = try reader.readString()
            case (3, .string): sdkVersion = try reader.readString()
            case (4, .string): minimumSDKVersion = try reader.readString()
            default: return false
            }
            return true
        }
    }

    package func write(to writer: inout ThriftWriter) {
        for (id, value) in zip(Int16(1)..., [name, version, sdkVersion, minimumSDKVersion]) {
            writer.writeField(id, .string)
            writer.writeString(value)
        }
        writer.writeStop()
    }
}
