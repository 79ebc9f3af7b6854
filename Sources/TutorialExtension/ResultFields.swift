import Journal
import Osquery
import Thrift

extension JournalEntry {
    /// Adds the fields that a result's outermost members make. A long row is mostly not even walked over.
    ///
    /// Text that is no JSON object makes no fields, one that breaks off those of its first members. Of members that make
    /// the same field the last one counts, as most readers of JSON have it; decorations keep all.
    mutating func addResultFields(of text: RequestValue) {
        addFields(of: JSONText(text.slice), isSnapshot: false)
    }

    /// The same for a snapshot, whose rows are stepped over likewise.
    mutating func addSnapshotFields(of text: RequestValue) {
        addFields(of: JSONText(text.slice), isSnapshot: true)
    }

    private mutating func addFields(of json: JSONText, isSnapshot: Bool) {
        let start = mark
        var (seen, isRepeated): (UInt8, Bool) = (0, false)
        var changes: JSONValue?
        Self.forEachMember(of: json, isSnapshot) { bytes, name, value in
            let member = ResultMember(name, in: bytes)
            switch member {
            case .field(_, let bit):
                isRepeated = isRepeated || seen & bit != 0
                seen |= bit
            case .changes: changes = value
            case .decorations, .other, .ignored: break
            }
            add(member, name, value, in: bytes)
        }
        if isRepeated { replaceFields(from: start, of: json, isSnapshot) }
        if let changes, changes.kind == .object, seen & ResultMember.actionBit == 0 {
            json.bytes.withBytes { addAction(ofAll: changes, in: $0) }
        }
    }

    /// Makes the fields again that came after `start`, each of its last member.
    private mutating func replaceFields(from start: Mark, of json: JSONText, _ isSnapshot: Bool) {
        removeFields(from: start)
        var last: [UInt8: Int] = [:]
        Self.forEachMember(of: json, isSnapshot) { bytes, name, _ in
            if case .field(_, let bit) = ResultMember(name, in: bytes) { last[bit] = name.range.lowerBound }
        }
        Self.forEachMember(of: json, isSnapshot) { bytes, name, value in
            let member = ResultMember(name, in: bytes)
            if case .field(_, let bit) = member, last[bit] != name.range.lowerBound { return }
            add(member, name, value, in: bytes)
        }
    }

    private static func forEachMember(
        of json: JSONText, _ isSnapshot: Bool, _ body: (RawSpan, JSONValue, JSONValue) -> Void
    ) {
        if isSnapshot && json.forEachMember(behind: "snapshot", body) { return }
        json.forEachMember(but: "columns", body)
    }

    private mutating func add(_ member: ResultMember, _ name: JSONValue, _ value: JSONValue, in bytes: RawSpan) {
        switch member {
        case .field(let field, _):
            add(field, value, in: bytes)
        case .decorations where value.kind == .object:
            JSONText.forEachMember(of: value, in: bytes) { addDecoration($1, $2, in: $0) }
        case .other where value.kind == .string || value.kind == .scalar:
            // --decorations_top_level
            addDecoration(name, value, in: bytes)
        case .decorations, .changes, .other, .ignored:
            break
        }
    }

    /// Adds the action of rows that all have the same one: with `--logger_event_type=false` a result has all rows that were added and
    /// all that were removed (osquery: core/query.cpp, serializeDiffResults).
    private mutating func addAction(ofAll changes: JSONValue, in bytes: RawSpan) {
        var (hasAdded, hasRemoved) = (false, false)
        JSONText.forEachMember(of: changes, in: bytes) { bytes, name, rows in
            guard rows.kind == .array, !rows.isEmpty(in: bytes) else { return }
            if name.isSpelled("added", in: bytes) { hasAdded = true }
            if name.isSpelled("removed", in: bytes) { hasRemoved = true }
        }
        if hasAdded != hasRemoved { add(hasAdded ? "OSQUERY_ACTION=added" : "OSQUERY_ACTION=removed") }
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
    static let actionBit: UInt8 = 1 << 1

    /// A field; each has its own `bit`.
    case field(StaticString, bit: UInt8)
    case decorations
    /// The rows that were added, and those that were removed.
    case changes
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
            ("name", .field("OSQUERY_QUERY_NAME", bit: 1 << 0)),
            ("action", .field("OSQUERY_ACTION", bit: actionBit)),
            ("epoch", .field("OSQUERY_EPOCH", bit: 1 << 2)),
            ("counter", .field("OSQUERY_COUNTER", bit: 1 << 3)),
            ("hostIdentifier", .field("OSQUERY_HOST_IDENTIFIER", bit: 1 << 4)),
            ("calendarTime", .field("OSQUERY_CALENDAR_TIME", bit: 1 << 5)),
            ("unixTime", .field("OSQUERY_UNIX_TIME", bit: 1 << 6)),
            ("decorations", .decorations),
            ("columns", .ignored),
            ("snapshot", .ignored),
            ("diffResults", .changes),
            ("numerics", .ignored),
        ]
        let longest = members.map(\.name.utf8CodeUnitCount).max() ?? 0
        return (0...longest + 1).map { length in members.filter { $0.name.utf8CodeUnitCount == length } }
    }()
}
