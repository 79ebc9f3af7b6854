/// Makes a value of a row: each column a property, named by its coding key. All values of a row are strings; numbers are read out
/// of them.
struct RowDecoder: Decoder {
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    let row: ExtensionResponse.Row
    /// The columns whose bytes need not be text.
    var blobs: [String: [UInt8]] = [:]

    static func decode<Value: Decodable>(
        _ type: Value.Type, from row: ExtensionResponse.Row, blobs: [String: [UInt8]] = [:]
    ) throws(RowError) -> Value {
        try rowError { try Value(from: RowDecoder(row: row, blobs: blobs)) }
    }

    /// Decodes the value of one column.
    ///
    /// - Parameter blob: The value's bytes, where they need not be text.
    static func decode<Value: Decodable>(
        _ type: Value.Type, column: String, text: String, blob: [UInt8]? = nil
    ) throws(RowError) -> Value {
        try rowError { try ColumnDecoder(column: column, text: text, blob: blob).decode(type) }
    }

    private static func rowError<Value>(_ decode: () throws -> Value) throws(RowError) -> Value {
        do {
            return try decode()
        } catch let error as RowError {
            throw error
        } catch {
            throw RowError(column: nil, reason: error.text)
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RowDecodingContainer(row: row, blobs: blobs))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw RowError(column: nil, reason: "a row is not a list")
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw RowError(column: nil, reason: "a row is not a single value")
    }
}

/// Why a row is not the value that it was to be decoded to.
public struct RowError: Error, Equatable, CustomStringConvertible {
    /// The column, where it is one column's fault.
    public let column: String?
    /// What is wrong, as a part of a sentence.
    public let reason: String

    /// What went wrong, as a sentence.
    public var description: String {
        column.map { "The column “\($0)” of a row cannot be decoded: \(reason)." }
            ?? "A row cannot be decoded: \(reason)."
    }
}

private struct RowDecodingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let codingPath: [any CodingKey] = []
    let row: ExtensionResponse.Row
    let blobs: [String: [UInt8]]

    var allKeys: [Key] { row.keys.compactMap(Key.init(stringValue:)) }

    private func text(_ key: Key) -> String? {
        row[key.stringValue] ?? row[key.stringValue.snakeCased]
    }

    private func decoder(_ key: Key, _ text: String) -> ColumnDecoder {
        let name = key.stringValue
        // Few rows have a blob.
        let blob = blobs.isEmpty ? nil : blobs[row[name] == nil ? name.snakeCased : name]
        return ColumnDecoder(column: name, text: text, blob: blob)
    }

    func contains(_ key: Key) -> Bool { text(key) != nil }

    /// A column that is empty is NULL, but for a string.
    func decodeNil(forKey key: Key) -> Bool { text(key)?.isEmpty ?? true }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        guard let text = text(key) else {
            throw RowError(column: key.stringValue, reason: "the row has no such column")
        }
        return try decoder(key, text).decode(type)
    }

    /// An empty string is one.
    func decodeIfPresent(_ type: String.Type, forKey key: Key) -> String? { text(key) }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        guard let text = text(key), !text.isEmpty else { return nil }
        return try decoder(key, text).decode(type)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        throw RowError(column: key.stringValue, reason: "a column is not an object")
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw RowError(column: key.stringValue, reason: "a column is not a list")
    }

    func superDecoder() throws -> any Decoder { RowDecoder(row: row, blobs: blobs) }
    func superDecoder(forKey key: Key) throws -> any Decoder { RowDecoder(row: row, blobs: blobs) }
}

/// Decodes the value of one column.
struct ColumnDecoder: Decoder, SingleValueDecodingContainer {
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    let column: String
    let text: String
    let blob: [UInt8]?

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        switch type {
        case is String.Type: return text as! Value
        case is [UInt8].Type: return bytes as! Value
        case is Bool.Type:
            guard let truth = ["1": true, "true": true, "0": false, "false": false][text] else {
                throw RowError(column: column, reason: "“\(text)” is not a truth value (0 or 1)")
            }
            return truth as! Value
        case let number as any LosslessStringConvertible.Type:
            guard let value = number.init(text) as? Value else {
                throw RowError(column: column, reason: "“\(text)” is not a value of \(type)")
            }
            return value
        default: return try decodeFoundation(type) ?? Value(from: self)
        }
    }

    var bytes: [UInt8] { blob ?? Array(text.utf8) }

    func decodeNil() -> Bool { text.isEmpty }
    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        throw RowError(column: column, reason: "a column is not an object")
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw RowError(column: column, reason: "a column is not a list")
    }
}
