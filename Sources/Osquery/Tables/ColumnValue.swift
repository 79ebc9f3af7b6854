/// A value in a row.
public enum ColumnValue: Sendable, Equatable {
    /// NULL.
    case null
    /// A text.
    case text(String)
    /// A signed integer.
    case integer(Int64)
    /// SQLite has no such numbers: osqueryd makes NULL of one above `Int64.max`.
    case unsigned(UInt64)
    /// NaN is NULL, as in SQLite.
    case double(Double)
    /// Bytes.
    case blob([UInt8])
}

extension ColumnValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByNilLiteral, ExpressibleByBooleanLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number with a fraction; NaN is NULL.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// NULL.
    public init(nilLiteral: ()) { self = .null }
    /// SQLite's truth values: 1 and 0.
    public init(booleanLiteral value: Bool) { self = .integer(value ? 1 : 0) }
}

extension ColumnValue {
    /// Text; nil is NULL.
    public init(_ value: String?) { self = value.map(ColumnValue.text) ?? .null }
    /// SQLite's truth values: 1 and 0.
    public init(_ value: Bool) { self = .integer(value ? 1 : 0) }
    /// A number with a fraction; NaN is NULL.
    public init(_ value: Double) { self = .double(value) }
    /// Bytes.
    public init(_ value: [UInt8]) { self = .blob(value) }

    /// An integer; one that 64 bits do not hold is its text.
    public init(_ value: some BinaryInteger) {
        if let signed = Int64(exactly: value) {
            self = .integer(signed)
        } else if let unsigned = UInt64(exactly: value) {
            self = .unsigned(unsigned)
        } else {
            self = .text(String(value))
        }
    }
}

extension ColumnValue: CustomStringConvertible {
    /// The value's text, a blob's bytes as UTF-8; nil where SQLite has NULL for it.
    var text: String? {
        switch self {
        case .null: nil
        case .text(let value): value
        case .integer(let value): String(value)
        case .unsigned(let value): String(value)
        case .double(let value): value.isNaN ? nil : String(value)
        case .blob(let value): String(decoding: value, as: UTF8.self)
        }
    }

    /// The value's text; `NULL` where SQLite has NULL for it, and a blob as the literal that SQL has for it, `X'00FF'`.
    public var description: String {
        guard case .blob(let bytes) = self else { return text ?? "NULL" }
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
        return "X'\(digits.joined())'"
    }
}
