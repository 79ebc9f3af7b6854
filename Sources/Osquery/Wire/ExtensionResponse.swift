package import Thrift

/// What a plugin call or a query returns (osquery.thrift: ExtensionResponse).
public struct ExtensionResponse: Sendable, Equatable {
    /// A row: column names and values, all of them strings.
    public typealias Row = [String: String]

    /// How the call went.
    public var status: ExtensionStatus
    private var list: RowList

    /// An answer; a success without rows, unless said otherwise.
    public init(status: ExtensionStatus = ExtensionStatus(), rows: [Row] = []) {
        self.status = status
        list = .rows(rows)
    }

    /// - Parameter encodedRows: The rows as they go over the wire: `list<map<string,string>>`.
    package init(encodedRows: ByteSlice) {
        status = ExtensionStatus()
        list = .encoded(encodedRows)
    }

    /// The rows that the call returns.
    public var rows: [Row] {
        get {
            switch list {
            case .rows(let rows): return rows
            case .encoded(let bytes):
                var reader = ThriftReader(bytes)
                // They were written, or read once, by us.
                return (try? reader.readRows()) ?? []
            }
        }
        set { list = .rows(newValue) }
    }

    /// Whether this says success and nothing more, as nearly every answer of a logger does.
    var isPlainSuccess: Bool {
        guard case .rows(let rows) = list else { return false }
        return rows.isEmpty && status.code == 0 && status.message == "OK"
    }

    private enum RowList: Sendable {
        case rows([Row])
        case encoded(ByteSlice)
    }

    /// Whether status and rows are the same.
    public static func == (one: ExtensionResponse, other: ExtensionResponse) -> Bool {
        one.status == other.status && one.rows == other.rows
    }

    /// An answer with status 1 and a sentence that says what went wrong.
    public static func failure(_ message: String) -> ExtensionResponse {
        ExtensionResponse(status: .failure(message))
    }

    init(from reader: inout ThriftReader) throws(ThriftError) {
        self.init()
        try reader.readStruct { (reader, id, type) throws(ThriftError) in
            switch (id, type) {
            case (1, .structure): status = try ExtensionStatus(from: &reader)
            case (2, .list): list = .rows(try reader.readRows())
            default: return false
            }
            return true
        }
    }

    package func write(to writer: inout ThriftWriter) {
        writer.writeField(1, .structure)
        status.write(to: &writer)
        writer.writeField(2, .list)
        switch list {
        case .rows(let rows): writer.writeRows(rows)
        case .encoded(let bytes): writer.append(bytes)
        }
        writer.writeStop()
    }
}

extension ThriftReader {
    mutating func readRow() throws(ThriftError) -> ExtensionResponse.Row {
        var row: ExtensionResponse.Row = [:]
        try readMap(from: .string, to: .string) { (reader) throws(ThriftError) in
            let key = try reader.readString()
            row[key] = try reader.readString()
        }
        return row
    }

    package mutating func readRows() throws(ThriftError) -> [ExtensionResponse.Row] {
        var rows: [ExtensionResponse.Row] = []
        try readList(of: .map) { (reader) throws(ThriftError) in
            rows.append(try reader.readRow())
        }
        return rows
    }
}

extension ThriftWriter {
    mutating func writeRows(_ rows: [ExtensionResponse.Row]) {
        writeListHeader(of: .map, count: rows.count)
        for row in rows { writeRow(row) }
    }

    mutating func writeRow(_ row: ExtensionResponse.Row) {
        writeMapHeader(from: .string, to: .string, count: row.count)
        for (column, value) in row {
            writeString(column)
            writeString(value)
        }
    }
}
