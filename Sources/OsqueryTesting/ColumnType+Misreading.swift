import Glibc
import Osquery

extension ColumnType {
    /// What osqueryd makes of text in a column of this type, where that is not what the text says (osquery:
    /// sql/dynamic_table_row.cpp, get_column; utils/conversions/tryto.h).
    ///
    /// - Returns: Nil where osqueryd shows what the text says. An empty number is NULL, as intended.
    func misreading(of text: String) -> String? {
        switch self {
        case .text, .blob: return nil
        case .double: return text.isEmpty || Self.isDouble(text) ? nil : "NULL"
        case .integer, .bigint, .unsignedBigint:
            guard !text.isEmpty else { return nil }
            // std::stoll with base 0: hexadecimal with 0x, octal with 0, and what follows the number is not looked at.
            guard let read = Self.leadingInteger(text) else { return "NULL" }
            let shown = self == .integer ? Int64(Int32(truncatingIfNeeded: read.value)) : read.value
            let meant = Int64(text) ?? (read.isWhole && !Self.isOctal(text) ? read.value : nil)
            return shown == meant ? nil : "\(shown)"
        }
    }

    private static func leadingInteger(_ text: String) -> (value: Int64, isWhole: Bool)? {
        text.withCString { start in
            var end: UnsafeMutablePointer<CChar>?
            errno = 0
            let value = strtoll(start, &end, 0)
            guard errno == 0, let end, end != start else { return nil }
            return (Int64(value), UnsafePointer(end) - start == text.utf8.count)
        }
    }

    /// Whether strtoll(3) takes a number for an octal one.
    private static func isOctal(_ text: String) -> Bool {
        let digits = text.drop { $0.isWhitespace || $0 == "-" || $0 == "+" }
        return digits.count > 1 && digits.first == "0" && digits.allSatisfy(\.isNumber)
    }

    private static func isDouble(_ text: String) -> Bool {
        text.withCString { start in
            var end: UnsafeMutablePointer<CChar>?
            _ = strtod(start, &end)
            guard let end, end != start else { return false }
            return UnsafePointer(end) - start == text.utf8.count
        }
    }
}
