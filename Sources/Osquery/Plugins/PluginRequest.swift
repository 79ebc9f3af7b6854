import Thrift

/// The map of strings that osqueryd calls a plugin with, still in the message that it came in.
public struct PluginRequest: Sendable {
    private let bytes: ByteSlice
    /// Where the first key's length stands.
    private let start: Int
    private let count: Int

    /// The map that `reader` is at, type codes and count first.
    init(from reader: inout ThriftReader, in bytes: ByteSlice) throws(ThriftError) {
        var start: Int?
        var count = 0
        let head = reader.offset
        try reader.readMap(from: .string, to: .string) { (reader) throws(ThriftError) in
            if start == nil { start = reader.offset }
            count += 1
            _ = try reader.readBytes()
            _ = try reader.readBytes()
        }
        self.bytes = bytes
        self.start = start ?? head
        self.count = count
    }

    /// A request without entries.
    init() {
        bytes = .empty
        start = 0
        count = 0
    }

    /// A request for tests of a plugin.
    public init(_ entries: [String: String]) {
        var writer = ThriftWriter()
        writer.writeRow(entries)
        bytes = ByteSlice(writer.bytes)
        start = 6
        count = entries.count
    }

    /// The value of `key`, as it came.
    public subscript(key: StaticString) -> RequestValue? { firstValue { $0 == key } }

    /// The value of a key that is known only at run time; nil where the request has none.
    public func value(forKey key: String) -> RequestValue? { firstValue { $0 == key } }

    private func firstValue(where isKey: (ByteSlice) -> Bool) -> RequestValue? {
        var value: RequestValue?
        forEachEntry { if value == nil, isKey($0) { value = RequestValue($1) } }
        return value
    }

    /// The keys there are, in the order in which they came.
    public var keys: [String] {
        var keys: [String] = []
        forEachEntry { key, _ in keys.append(key.string) }
        return keys
    }

    /// Calls `body` with each key and its value, in the order in which they came.
    func forEachEntry(_ body: (ByteSlice, ByteSlice) -> Void) {
        var reader = ThriftReader(bytes, at: start)
        for _ in 0..<count {
            // Both were read once when the request was made.
            guard let key = try? reader.readBytes(), let value = try? reader.readBytes() else { return }
            body(key, value)
        }
    }
}
