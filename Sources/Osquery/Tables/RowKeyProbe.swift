/// Finds the keys of a type of rows before there is a row, by decoding one of nothing and noting what it asks for.
///
/// Only rows that are `Decodable`, too, can be asked. What decodes itself in an unforeseen way ends the search: the keys up to
/// there are those that are known.
struct RowKeyProbe: Decoder {
    let keys = Keys()
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    final class Keys {
        var names: [String] = []
    }

    /// Thrown where no value can be made up.
    private struct Unforeseen: Error {}

    /// The keys of rows of a type, in the order of the properties.
    static func keys(of type: any Decodable.Type) -> [String] {
        let probe = RowKeyProbe()
        _ = try? type.init(from: probe)
        return probe.keys.names
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(ProbingContainer(keys: keys))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Unforeseen() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw Unforeseen() }

    private struct ProbingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let keys: Keys
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { [] }

        func contains(_ key: Key) -> Bool {
            keys.names.append(key.stringValue)
            return false
        }

        func decodeNil(forKey key: Key) -> Bool {
            keys.names.append(key.stringValue)
            return true
        }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            keys.names.append(key.stringValue)
            return try ValueProbe().decode(type)
        }

        func nestedContainer<NestedKey: CodingKey>(
            keyedBy type: NestedKey.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<NestedKey> {
            throw Unforeseen()
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw Unforeseen() }
        func superDecoder() throws -> any Decoder { throw Unforeseen() }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw Unforeseen() }
    }

    /// Makes values up: zero, false, and text and lists without anything in them.
    private struct ValueProbe: Decoder, SingleValueDecodingContainer {
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let value: Any? =
                switch type {
                case let number as any Numeric.Type: number.zero
                case let list as any RangeReplaceableCollection.Type: list.init()
                case is Bool.Type: false
                case let cases as any CaseIterable.Type: cases.anyCase
                default: RowKeyProbe.anyValue(ofFoundation: type)
                }
            return try value as? Value ?? Value(from: self)
        }

        func decodeNil() -> Bool { true }
        func singleValueContainer() -> any SingleValueDecodingContainer { self }

        func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
            throw Unforeseen()
        }

        func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Unforeseen() }
    }
}

extension CaseIterable {
    fileprivate static var anyCase: Any? { allCases.first }
}
