import Journal
import Osquery
import Thrift

extension JournalEntry {
    /// Adds the fields that a result's outermost members make. A long row is mostly not even walked over.
    ///
    /// Text that is no JSON object makes no fields, one that breaks off those of its first members.
    mutating func addResultFields(of text: LogText) {
        JSONText(text.bytes).forEachMember(but: "columns") { addResultMember($1, $2, in: $0) }
    }

    /// The same for a snapshot, whose rows are stepped over likewise.
    mutating func addSnapshotFields(of text: LogText) {
        let json = JSONText(text.bytes)
        if !json.forEachMember(behind: "snapshot", { addResultMember($1, $2, in: $0) }) { addResultFields(of: text) }
    }

    private mutating func addResultMember(_ name: JSONValue, _ value: JSONValue, in bytes: RawSpan) {
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

    private mutating func addDecoration(_ name: JSONValue, _ value: JSONValue, in bytes: RawSpan) {
        add("OSQUERY_DECORATION_", named: bytes.extracting(name.range)) { entry in
            value.forEachPiece(in: bytes) { entry.append($0) }
        }
    }

    mutating func add(_ field: StaticString, _ value: JSONValue, in bytes: RawSpan) {
        guard value.hasEscapes else { return add(field, bytes.extracting(value.range)) }
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
        // By its length, which leaves three names at most.
        self =
            Self.known[min(name.range.count, Self.known.count - 1)].first { name.isSpelled($0.name, in: bytes) }?.member
            ?? .other
    }

    private static let known: [[(name: StaticString, member: ResultMember)]] = {
        let members: [(name: StaticString, member: ResultMember)] = [
            ("name", .field("OSQUERY_QUERY_NAME")),
            ("action", .field("OSQUERY_ACTION")),
            ("epoch", .field("OSQUERY_EPOCH")),
            ("counter", .field("OSQUERY_COUNTER")),
            ("hostIdentifier", .field("OSQUERY_HOST_IDENTIFIER")),
            ("calendarTime", .field("OSQUERY_CALENDAR_TIME")),
            ("unixTime", .field("OSQUERY_UNIX_TIME")),
            ("decorations", .decorations),
            ("columns", .ignored),
            ("snapshot", .ignored),
            ("diffResults", .ignored),
            ("numerics", .ignored),
        ]
        let longest = members.map(\.name.utf8CodeUnitCount).max() ?? 0
        return (0...longest + 1).map { length in members.filter { $0.name.utf8CodeUnitCount == length } }
    }()
}
