import Thrift

/// What a plugin call or a query brings back (osquery.thrift: ExtensionResponse).
public struct ExtensionResponse: Sendable, Equatable {
    /// A row: column names and values, all of them strings.
    public typealias Row = [String: String]

    public var status: ExtensionStatus
    public var rows: [Row]

    public init(status: ExtensionStatus = ExtensionStatus(), rows: [Row] = []) {
        self.status = status
        self.rows = rows
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
            case (2, .list): rows = try reader.readRows()
            default: return false
            }
            return true
        }
    }

    func write(to writer: inout ThriftWriter) {
        writer.writeField(1, .structure)
        status.write(to: &writer)
        writer.writeField(2, .list)
        writer.writeRows(rows)
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

    mutating func readRows() throws(ThriftError) -> [ExtensionResponse.Row] {
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
        for row in rows {
            writeMapHeader(from: .string, to: .string, count: row.count)
            for (column, value) in row {
                writeString(column)
                writeString(value)
            }
        }
    }
}
