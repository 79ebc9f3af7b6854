/// Writes an encodable value as a row: each property a column, named by its coding key.
struct RowEncoder: Encoder {
    let writer: RowWriter
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RowContainer(writer: writer))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        refuse("A row that is a list")
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        refuse("A row that is a single value")
    }

    private func refuse(_ what: String) -> RefusingContainer {
        writer.refusal = what
        return RefusingContainer(what: what)
    }
}

private struct RowContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let writer: RowWriter
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil(forKey key: Key) throws { try writer.writeNull(key.stringValue) }
    mutating func encode(_ value: String, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Bool, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Double, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Float, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Int, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Int8, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Int16, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Int32, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: Int64, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: UInt, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: UInt8, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: UInt16, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: UInt32, forKey key: Key) throws { try writer.write(value, key.stringValue) }
    mutating func encode(_ value: UInt64, forKey key: Key) throws { try writer.write(value, key.stringValue) }

    mutating func encode(_ value: some Encodable, forKey key: Key) throws {
        try writer.encode(value, key.stringValue)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(RefusingKeyedContainer(what: refuse("An object", key.stringValue)))
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        RefusingContainer(what: refuse("A list", key.stringValue))
    }

    mutating func superEncoder() -> any Encoder { ColumnEncoder(writer: writer, column: "super") }
    mutating func superEncoder(forKey key: Key) -> any Encoder {
        ColumnEncoder(writer: writer, column: key.stringValue)
    }

    private func refuse(_ what: String, _ column: String) -> String {
        let what = "\(what) in the column “\(column)”"
        writer.refusal = what
        return what
    }
}
