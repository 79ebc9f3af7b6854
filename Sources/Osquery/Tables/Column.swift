/// A column's type, spelled as osquery spells it (osquery: core/sql/column.h, kColumnTypeNames).
public enum ColumnType: String, Sendable, CaseIterable {
    /// Any text.
    case text = "TEXT"
    /// 32 bits: osqueryd cuts what is longer.
    case integer = "INTEGER"
    /// 64 bits.
    case bigint = "BIGINT"
    /// 64 bits; SQLite has no such numbers, and osqueryd makes NULL of one above `Int64.max`.
    case unsignedBigint = "UNSIGNED BIGINT"
    /// A floating-point number of 64 bits.
    case double = "DOUBLE"
    /// Bytes.
    case blob = "BLOB"
}

/// What SQLite may know of a column (osquery: core/sql/column.h, ColumnOptions).
public struct ColumnOptions: OptionSet, Sendable {
    /// The options as osquery's bits.
    public let rawValue: Int

    /// The options that these bits mean to osquery.
    public init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// Rows can be found by it: an `IN` on it calls the table once for each value, and a `JOIN` once for each row of the other table.
    public static let index = ColumnOptions(rawValue: 1)
    /// A query must constrain it.
    public static let required = ColumnOptions(rawValue: 2)
    /// A constraint on it changes what the table generates.
    public static let additional = ColumnOptions(rawValue: 4)
    /// A constraint on it makes the table faster. With ``index``, all values of an `IN` arrive in one call.
    public static let optimized = ColumnOptions(rawValue: 8)
    /// `SELECT *` leaves it out.
    public static let hidden = ColumnOptions(rawValue: 16)
    /// Compared byte by byte (SQLite's BINARY), which is the default.
    public static let collateBinary = ColumnOptions(rawValue: 32)
    /// Compared without regard to the case of ASCII letters (SQLite's NOCASE).
    public static let collateNoCase = ColumnOptions(rawValue: 64)
    /// Compared without spaces at the end (SQLite's RTRIM).
    public static let collateRTrim = ColumnOptions(rawValue: 128)
    /// Compared as version numbers (osquery's VERSION).
    public static let collateVersion = ColumnOptions(rawValue: 256)
    /// Compared as versions of Arch Linux packages.
    public static let collateVersionArch = ColumnOptions(rawValue: 512)
    /// Compared as versions of Debian packages.
    public static let collateVersionDpkg = ColumnOptions(rawValue: 1024)
    /// Compared as versions of RPM packages.
    public static let collateVersionRHEL = ColumnOptions(rawValue: 2048)
}

/// A column of a table.
public struct Column: Sendable, Equatable {
    /// The column's name, in lower case with underscores as osquery's are.
    public let name: String
    /// The type that osqueryd declares to SQLite.
    public let type: ColumnType
    /// What SQLite may know of the column.
    public let options: ColumnOptions
    /// Other names for it, which queries may use and `SELECT *` does not show.
    public let aliases: [String]

    /// A column.
    public init(_ name: String, _ type: ColumnType, _ options: ColumnOptions = [], aliases: [String] = []) {
        self.name = name
        self.type = type
        self.options = options
        self.aliases = aliases
    }
}

/// What osqueryd may know of a table (osquery: core/tables.h, TableAttributes).
public struct TableAttributes: OptionSet, Sendable {
    /// The attributes as osquery's bits.
    public let rawValue: Int

    /// The attributes that these bits mean to osquery.
    public init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// A utility: it may be used anywhere.
    public static let utility = TableAttributes(rawValue: 1)
    /// The results may be cached between queries of the schedule.
    public static let cacheable = TableAttributes(rawValue: 2)
    /// Rows are events.
    public static let eventBased = TableAttributes(rawValue: 4)
    /// Rows belong to a user; queries should be joined with `users`.
    public static let userBased = TableAttributes(rawValue: 8)
    /// Rows are about the kernel.
    public static let kernelRequired = TableAttributes(rawValue: 16)
}
