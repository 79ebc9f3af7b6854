/// A row is flat. These containers take nothing, and say why.
struct RefusingContainer: UnkeyedEncodingContainer, SingleValueEncodingContainer {
    let codingPath: [any CodingKey] = []
    let count = 0
    /// What was tried, as the beginning of a sentence.
    let what: String

    private var error: TableError { .notARow("\(what) cannot be encoded: a row has one plain value a column.") }

    mutating func encodeNil() throws { throw error }
    mutating func encode(_ value: some Encodable) throws { throw error }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(RefusingKeyedContainer(what: what))
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { self }
    mutating func superEncoder() -> any Encoder { RefusingEncoder(what: what) }
}

struct RefusingKeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let codingPath: [any CodingKey] = []
    let what: String

    private var error: TableError { .notARow("\(what) cannot be encoded: a row has one plain value a column.") }

    mutating func encodeNil(forKey key: Key) throws { throw error }
    mutating func encode(_ value: some Encodable, forKey key: Key) throws { throw error }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(RefusingKeyedContainer<NestedKey>(what: what))
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        RefusingContainer(what: what)
    }

    mutating func superEncoder() -> any Encoder { RefusingEncoder(what: what) }
    mutating func superEncoder(forKey key: Key) -> any Encoder { RefusingEncoder(what: what) }
}

private struct RefusingEncoder: Encoder {
    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]
    let what: String

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RefusingKeyedContainer(what: what))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { RefusingContainer(what: what) }
    func singleValueContainer() -> any SingleValueEncodingContainer { RefusingContainer(what: what) }
}
