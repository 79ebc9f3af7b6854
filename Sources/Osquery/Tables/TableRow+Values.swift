extension TableRow {
    /// A column's value as text; nil where it is NULL, or where the row does not have the column.
    ///
    /// A number is its digits. The bytes of a blob are read as UTF-8.
    public func string(_ column: String) -> String? {
        self[column]?.text
    }

    /// A column's value as a value of `type`: a number, a `Bool`, a `String`, `[UInt8]`, or an enum with raw values.
    ///
    /// ```swift
    /// guard let stars = try row.value("stars", as: Int.self) else { throw RowChangeError.constraint }
    /// ```
    ///
    /// - Returns: Nil where the value is NULL, or where the row does not have the column.
    /// - Throws: ``RowError`` for a value that is not one of `type`; its description names the column and the value.
    public func value<Value: Decodable>(_ column: String, as type: Value.Type = Value.self) throws(RowError) -> Value? {
        guard let value = self[column], let text = value.text else { return nil }
        return try RowDecoder.decode(type, column: column, text: text, blob: value.bytes)
    }

    /// Makes a value of the row: each column is the property of its name, or of its name in snake case.
    ///
    /// ```swift
    /// struct Note: Decodable { var title: String; var stars: Int? }
    /// let note = try row.decode(as: Note.self)
    /// ```
    ///
    /// A column that is NULL is nil where the property is an optional.
    ///
    /// - Throws: ``RowError`` for a column that is missing, NULL or not one of its property's type.
    public func decode<Value: Decodable>(as type: Value.Type = Value.self) throws(RowError) -> Value {
        var texts: ExtensionResponse.Row = [:]
        var blobs: [String: [UInt8]] = [:]
        for column in columns {
            texts[column] = self[column]?.text
            blobs[column] = self[column]?.bytes
        }
        return try RowDecoder.decode(type, from: texts, blobs: blobs)
    }
}

extension ColumnValue {
    /// A blob's bytes.
    fileprivate var bytes: [UInt8]? {
        guard case .blob(let bytes) = self else { return nil }
        return bytes
    }
}
