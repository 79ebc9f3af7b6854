#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension RowWriter {
    /// Writes a value of a type of Foundation that encodes itself in a way that no column has; false for any other.
    ///
    /// swift-argument-parser links FoundationEssentials already.
    func encodeFoundation<Value: Encodable>(_ value: Value, _ column: String) throws -> Bool {
        switch value {
        case let date as Date: try write(date, column)
        case let data as Data: try write(data, column)
        case let url as URL: try write(url.absoluteString, column)
        case let decimal as Decimal: try write(decimal.isNaN ? ColumnValue.null : .text(decimal.description), column)
        default: return false
        }
        return true
    }

    /// Seconds since 1970, as osquery's own tables have them; with their fraction in a column of type DOUBLE.
    private func write(_ date: Date, _ column: String) throws {
        let seconds = date.timeIntervalSince1970
        if try type(of: column) == .double { return try write(seconds, column) }
        guard let whole = Int64(exactly: seconds.rounded(.down)) else {
            throw TableError.notARow(
                "The date in the column “\(column)” is \(seconds) s from 1970, which 64 bits do not hold.")
        }
        try write(whole, column)
    }
}

extension RowKeyProbe {
    /// A value of a type of Foundation that does not decode itself from nothing.
    static func anyValue(ofFoundation type: Any.Type) -> Any? {
        switch type {
        case is URL.Type: URL(string: "/")
        case is UUID.Type: UUID()
        default: nil
        }
    }
}
