#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ColumnDecoder {
    /// Reads a value of a type of Foundation as `RowWriter` writes it; nil for any other type.
    func decodeFoundation<Value>(_ type: Value.Type) throws(RowError) -> Value? {
        let value: Any?
        switch type {
        case is Date.Type: value = Double(text).map(Date.init(timeIntervalSince1970:))
        case is Data.Type: value = Data(bytes)
        case is URL.Type: value = URL(string: text)
        case is Decimal.Type: value = Decimal(string: text)
        default: return nil
        }
        guard let value = value as? Value else {
            throw RowError(column: column, reason: "“\(text)” is not a value of \(type)")
        }
        return value
    }
}
