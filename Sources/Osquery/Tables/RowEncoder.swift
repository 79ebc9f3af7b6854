/// Makes a row of an encodable value: each property a column, named by its coding key.
struct RowEncoder: Encoder {
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    private let row = Row()

    final class Row {
        var values = TableRow()
    }

    static func encode(_ value: some Encodable) throws -> TableRow {
        let encoder = RowEncoder()
        try value.encode(to: encoder)
        return encoder.row.values
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RowContainer(row: row))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        RefusingContainer(what: "A row that is a list")
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        RefusingContainer(what: "A row that is a single value")
    }
}

private struct RowContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let codingPath: [any CodingKey] = []
    let row: RowEncoder.Row

    mutating func encodeNil(forKey key: Key) { row.values[key.stringValue] = ColumnValue.null }
    mutating func encode(_ value: String, forKey key: Key) { row.values[key.stringValue] = .text(value) }
    mutating func encode(_ value: Bool, forKey key: Key) { row.values[key.stringValue] = ColumnValue(value) }
    mutating func encode(_ value: Int, forKey key: Key) { row.values[key.stringValue] = .integer(Int64(value)) }
    mutating func encode(_ value: Int64, forKey key: Key) { row.values[key.stringValue] = .integer(value) }
    mutating func encode(_ value: Double, forKey key: Key) { row.values[key.stringValue] = .double(value) }

    mutating func encode(_ value: some Encodable, forKey key: Key) throws {
        row.values[key.stringValue] = try ValueEncoder.encode(value, column: key)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(RefusingKeyedContainer(what: "An object in the column “\(key.stringValue)”"))
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        RefusingContainer(what: "A list in the column “\(key.stringValue)”")
    }

    mutating func superEncoder() -> any Encoder { ValueEncoder(column: "super") }
    mutating func superEncoder(forKey key: Key) -> any Encoder { ValueEncoder(column: key.stringValue) }
}

/// Encodes what stands in one column: an enum's raw value, and whatever else encodes itself as a single value.
private struct ValueEncoder: Encoder {
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    let column: String
    let result = Result()

    final class Result {
        var value = ColumnValue.null
    }

    init(column: String) {
        self.column = column
    }

    static func encode(_ value: some Encodable, column: any CodingKey) throws -> ColumnValue {
        switch value {
        case let bytes as [UInt8]: return .blob(bytes)
        case let value as ColumnValue: return value
        case let number as any BinaryInteger: return ColumnValue(number)
        case let number as any BinaryFloatingPoint: return .double(Double(number))
        default:
            let encoder = ValueEncoder(column: column.stringValue)
            try value.encode(to: encoder)
            return encoder.result.value
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RefusingKeyedContainer(what: "An object in the column “\(column)”"))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        RefusingContainer(what: "A list in the column “\(column)”")
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        ValueContainer(column: column, result: result)
    }
}

private struct ValueContainer: SingleValueEncodingContainer {
    let codingPath: [any CodingKey] = []
    let column: String
    let result: ValueEncoder.Result

    mutating func encodeNil() { result.value = .null }

    mutating func encode(_ value: some Encodable) throws {
        switch value {
        case let text as String: result.value = .text(text)
        case let truth as Bool: result.value = ColumnValue(truth)
        default: result.value = try ValueEncoder.encode(value, column: ColumnKey(column))
        }
    }
}
