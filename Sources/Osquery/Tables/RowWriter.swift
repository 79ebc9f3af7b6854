import CLinux
import Glibc
import Thrift

/// Writes the rows of one answer as they go over the wire, value by value: nothing but the answer itself is held.
final class RowWriter {
    private let buffer = ByteBuffer(capacity: 4096)
    private let table: String
    /// The columns, and `rowid` after them.
    private let columns: [WireColumn]
    private let numberColumn: Int
    /// For each column the last row that has a value in it, counted from 1.
    private var lastRows: [Int]
    /// Where to find a column; the names of properties are added as they come.
    private var indices: [String: Int]
    /// The keys in the order in which a row brought them. The next row brings the same ones, which are then not looked up.
    private var order: [(key: String, column: Int)] = []
    private var position = 0

    private var numbers = RowNumbers()
    private var rowCount = 0
    private var row = RowState()
    /// What an encoder was asked for that a row cannot hold.
    var refusal: String?
    private let digits = UnsafeMutableRawBufferPointer.allocate(byteCount: 24, alignment: 1)

    private struct WireColumn {
        let name: String
        /// The name as it is written.
        let encodedName: [UInt8]
        let type: ColumnType
        /// Whether rows with different values in it are different ones.
        let isKey: Bool

        init(_ name: String, _ type: ColumnType, isKey: Bool) {
            var writer = ThriftWriter()
            writer.writeString(name)
            (self.name, encodedName, self.type, self.isKey) = (name, writer.bytes, type, isKey)
        }
    }

    private struct RowState {
        var start = 0
        var values: Int32 = 0
        /// The sum of its values' hashes: a row has its columns in any order.
        var hash = 0
        var hasNumber = false
    }

    init(for table: some TablePlugin) throws(TableError) {
        let declared = table.columns
        let names = declared.map(\.name)
        let key = table.primaryKey
        if let column = key.first(where: { !names.contains($0) }) {
            throw .unknownKeyColumn(column, table: table.name, known: names)
        }
        self.table = table.name
        columns =
            declared.map { WireColumn($0.name, $0.type, isKey: key.isEmpty || key.contains($0.name)) }
            + [WireColumn(RowNumbers.column, .bigint, isKey: false)]
        numberColumn = declared.count
        lastRows = Array(repeating: 0, count: columns.count)
        indices = Dictionary(zip(names + [RowNumbers.column], columns.indices)) { first, _ in first }
        var head = ThriftWriter()
        head.writeListHeader(of: .map, count: 0)
        buffer.append(head.bytes)
    }

    deinit {
        digits.deallocate()
    }

    /// The rows, of which there can be no more.
    ///
    /// The C library keeps what many rows took, in an arena per thread; it is given back here where that is worth a millisecond.
    func finish() -> ExtensionResponse {
        if buffer.count > 1 << 20 { malloc_trim(0) }
        buffer.store(Int32(rowCount), at: 1)
        return ExtensionResponse(encodedRows: buffer[0..<buffer.count])
    }

    /// Writes a row. An answer of which a row could not be written is of no use.
    func append<Row: Encodable>(_ value: Row) throws {
        rowCount += 1
        position = 0
        row = RowState(start: buffer.count)
        let head = buffer.room(for: 6)
        head.storeBytes(of: FieldType.string.rawValue, as: UInt8.self)
        head.storeBytes(of: FieldType.string.rawValue, toByteOffset: 1, as: UInt8.self)
        buffer.didFill(6)
        if Row.self == TableRow.self, let value = value as? TableRow {
            for (column, value) in value.values { try write(value, column) }
        } else {
            try value.encode(to: RowEncoder(writer: self))
        }
        if let refusal { throw TableError.notARow("\(refusal) cannot be encoded: a row has one plain value a column.") }
        if !row.hasNumber { try put(numbers.next(row.hash), in: numberColumn) }
        buffer.store(row.values, at: row.start + 2)
    }

    /// The type that the table declares for a property.
    func type(of key: String) throws -> ColumnType { columns[try index(of: key)].type }

    private func index(of key: String) throws -> Int {
        for next in position..<max(position, order.count) where order[next].key == key {
            position = next + 1
            return order[next].column
        }
        let found = try indices[key] ?? declare(key)
        if position == order.count && order.count < columns.count {
            order.append((key, found))
            position += 1
        }
        return found
    }

    private func declare(_ property: String) throws(TableError) -> Int {
        let column = property.snakeCased
        guard let index = indices[column] else {
            throw .unknownColumn(column, property: property, table: table, known: columns.dropLast().map(\.name))
        }
        indices[property] = index
        return index
    }
}

// MARK: - Values

extension RowWriter {
    /// NULL is a value that a row lacks (osquery: sql/dynamic_table_row.cpp, get_column).
    func writeNull(_ key: String) throws {
        _ = try index(of: key)
    }

    func write(_ value: String, _ key: String) throws {
        let index = try index(of: key)
        var value = value
        try value.withUTF8 { try put(UnsafeRawBufferPointer($0), in: index) }
    }

    func write(_ value: Bool, _ key: String) throws {
        try put(value ? 1 : 0, in: try index(of: key))
    }

    func write(_ value: some FixedWidthInteger, _ key: String) throws {
        let index = try index(of: key)
        if let value = Int64(exactly: value) {
            try put(value, in: index)
        } else if let value = UInt64(exactly: value) {
            try put(magnitude: value, isNegative: false, in: index)
        } else {
            try write(String(value), key)
        }
    }

    /// The shortest text that is read as the same number; NaN is NULL, as in SQLite.
    func write(_ value: some BinaryFloatingPoint & LosslessStringConvertible, _ key: String) throws {
        if value.isNaN { try writeNull(key) } else { try write(value.description, key) }
    }

    func write(_ value: some Sequence<UInt8>, _ key: String) throws {
        let index = try index(of: key)
        let done: Void? = try value.withContiguousStorageIfAvailable { try put(UnsafeRawBufferPointer($0), in: index) }
        if done == nil { try Array(value).withUnsafeBytes { try put($0, in: index) } }
    }

    func write(_ value: ColumnValue, _ key: String) throws {
        switch value {
        case .null: try writeNull(key)
        case .text(let value): try write(value, key)
        case .integer(let value): try write(value, key)
        case .unsigned(let value): try write(value, key)
        case .double(let value): try write(value, key)
        case .blob(let value): try write(value, key)
        }
    }

    private func put(_ value: Int64, in column: Int) throws {
        try put(magnitude: value.magnitude, isNegative: value < 0, in: column)
    }

    private func put(magnitude: UInt64, isNegative: Bool, in column: Int) throws {
        var rest = magnitude
        var start = digits.count
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        if isNegative {
            start -= 1
            digits[start] = UInt8(ascii: "-")
        }
        try put(UnsafeRawBufferPointer(rebasing: digits[start...]), in: column)
    }

    private func put(_ value: UnsafeRawBufferPointer, in index: Int) throws {
        guard lastRows[index] != rowCount else {
            throw TableError.notARow(
                "A row of the table “\(table)” has two values for the column “\(columns[index].name)”.")
        }
        lastRows[index] = rowCount
        let name = columns[index].encodedName
        let size = name.count + 4 + value.count
        let room = buffer.room(for: size)
        name.withUnsafeBytes { room.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        room.storeBytes(of: Int32(value.count).bigEndian, toByteOffset: name.count, as: Int32.self)
        if let bytes = value.baseAddress { memcpy(room + name.count + 4, bytes, value.count) }
        buffer.didFill(size)
        row.values += 1
        if index == numberColumn { row.hasNumber = true }
        if columns[index].isKey {
            var hasher = Hasher()
            hasher.combine(index)
            hasher.combine(bytes: value)
            row.hash &+= hasher.finalize()
        }
    }
}
