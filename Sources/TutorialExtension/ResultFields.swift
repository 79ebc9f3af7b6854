import Journal
import Osquery
import Thrift

extension JournalEntry {
    /// Adds the fields that a result's or snapshot's outermost members make. The rows are walked over, not read.
    ///
    /// Text that is no JSON object makes no fields, one that breaks off those of its first members.
    mutating func addResultFields(of text: LogText) {
        JSONText(text.bytes).forEachMember { bytes, name, value in
            switch ResultMember(name, in: bytes) {
            case .field(let field):
                add(field, value, in: bytes)
            case .decorations where value.kind == .object:
                JSONText.forEachMember(of: value, in: bytes) { addDecoration($1, $2, in: $0) }
            case .other where value.kind == .string || value.kind == .scalar:
                // --decorations_top_level
                addDecoration(name, value, in: bytes)
            case .decorations, .other, .ignored:
                break
            }
        }
    }

    private mutating func addDecoration(_ name: JSONValue, _ value: JSONValue, in bytes: RawSpan) {
        add("OSQUERY_DECORATION_", named: bytes.extracting(name.range)) { entry in
            value.forEachPiece(in: bytes) { entry.append($0) }
        }
    }

    mutating func add(_ field: StaticString, _ value: JSONValue, in bytes: RawSpan) {
        add(field) { entry in
            value.forEachPiece(in: bytes) { entry.append($0) }
        }
    }
}

/// What a member of a result is to us (osquery: core/query.cpp, serializeQueryLogItem).
private enum ResultMember {
    case field(StaticString)
    case decorations
    /// Rows, and how their numbers are written.
    case ignored
    /// A member that results have not had: a decoration, where osqueryd puts those beside the rest.
    case other

    init(_ name: JSONValue, in bytes: RawSpan) {
        for (member, field) in Self.fields where name.isSpelled(member, in: bytes) {
            self = .field(field)
            return
        }
        if name.isSpelled("decorations", in: bytes) {
            self = .decorations
        } else if Self.withoutField.contains(where: { name.isSpelled($0, in: bytes) }) {
            self = .ignored
        } else {
            self = .other
        }
    }

    private static let fields: [(StaticString, StaticString)] = [
        ("name", "OSQUERY_QUERY_NAME"),
        ("action", "OSQUERY_ACTION"),
        ("epoch", "OSQUERY_EPOCH"),
        ("counter", "OSQUERY_COUNTER"),
        ("hostIdentifier", "OSQUERY_HOST_IDENTIFIER"),
        ("calendarTime", "OSQUERY_CALENDAR_TIME"),
        ("unixTime", "OSQUERY_UNIX_TIME"),
    ]
    private static let withoutField: [StaticString] = ["columns", "snapshot", "diffResults", "numerics"]
}
