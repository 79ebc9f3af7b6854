import Osquery

/// A result as it stands in its file, read back.
struct AskedResult {
    let status: Int64
    let message: String
    /// The rows, the columns of each in the order in which they stand there.
    let rows: [[(column: String, value: String)]]
    /// The same as JSON text.
    let rowsText: String

    init?(_ text: String) {
        guard let root = JSONElement(text), let status = root["status"]?.integer, let rows = root["rows"],
            let elements = rows.elements
        else { return nil }
        self.status = status
        message = root["message"]?.string ?? ""
        self.rows = elements.map { ($0.members ?? []).map { ($0.name, $0.value.string ?? "") } }
        rowsText = rows.source
    }
}

/// Rows, drawn as osqueryi draws them.
struct TextTable {
    private let columns: [String]
    private let cells: [[String]]

    init(_ rows: [[(column: String, value: String)]]) {
        var columns: [String] = []
        for row in rows { for (column, _) in row where !columns.contains(column) { columns.append(column) } }
        self.columns = columns
        cells = rows.map { row in columns.map { column in row.first { $0.column == column }?.value.oneLine ?? "" } }
    }

    var text: String {
        guard !columns.isEmpty else { return "No rows." }
        let widths = columns.indices.map { index in
            max(columns[index].count, cells.map { $0[index].count }.max() ?? 0)
        }
        let rule = "+" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "+"
        let lines = ([columns] + cells).map { row in
            "|"
                + zip(row, widths).map { " \($0)\(String(repeating: " ", count: $1 - $0.count)) " }.joined(
                    separator: "|") + "|"
        }
        return ([rule, lines[0], rule] + lines.dropFirst() + [rule]).joined(separator: "\n")
    }
}

extension String {
    /// What a terminal would take for more than text is shown as a dot.
    fileprivate var oneLine: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? "·" : $0 }))
    }
}
