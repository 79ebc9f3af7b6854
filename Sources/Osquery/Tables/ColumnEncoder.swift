/// Encodes what stands in one column: an enum's raw value, and whatever else encodes itself as a single value.
struct ColumnEncoder: Encoder {
    let writer: RowWriter
    let column: String
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RefusingKeyedContainer(what: refuse("An object")))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        RefusingContainer(what: refuse("A list"))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        ColumnContainer(writer: writer, column: column)
    }

    private func refuse(_ what: String) -> String {
        let what = "\(what) in the column “\(column)”"
        writer.refusal = what
        return what
    }
}

private struct ColumnContainer: SingleValueEncodingContainer {
    let writer: RowWriter
    let column: String
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil() throws { try writer.writeNull(column) }
    mutating func encode(_ value: String) throws { try writer.write(value, column) }
    mutating func encode(_ value: Bool) throws { try writer.write(value, column) }
    mutating func encode(_ value: some Encodable) throws { try writer.encode(value, column) }
}

extension RowWriter {
    /// Writes a value of any type.
    func encode<Value: Encodable>(_ value: Value, _ column: String) throws {
        switch value {
        case let number as any FixedWidthInteger: return try write(number, column)
        case let number as any BinaryFloatingPoint & LosslessStringConvertible: return try write(number, column)
        // An empty list of anything can be cast to bytes.
        case let bytes as [UInt8] where Value.self == [UInt8].self: return try write(bytes, column)
        case let bytes as ContiguousArray<UInt8> where Value.self == ContiguousArray<UInt8>.self:
            return try write(bytes, column)
        default: break
        }
        if try encodeFoundation(value, column) { return }
        do {
            try value.encode(to: ColumnEncoder(writer: self, column: column))
        } catch let error as TableError where error.code == .notARow && isEnum(value) && refusal != nil {
            throw enumError(value, column)
        }
        if refusal != nil && isEnum(value) { throw enumError(value, column) }
    }

    /// An enum without a raw value encodes itself as an object, which may be empty.
    private func isEnum(_ value: some Encodable) -> Bool {
        Mirror(reflecting: value).displayStyle == .enum
    }

    private func enumError<Value: Encodable>(_ value: Value, _ column: String) -> TableError {
        .notARow(
            "The enum \(Value.self) in the column “\(column)” has no raw value to be encoded. Declare one: "
                + "`enum \(Value.self): String, Encodable`.")
    }
}
