import Osquery

/// A query that somebody has put into the directory: `NAME.sql`, the SQL itself, or `NAME.json` with `query` and `discovery`.
struct QueryFile: Equatable {
    /// Bytes that a query may have.
    static let largest = 1 << 20
    /// Bytes that a name may have: with `.json` and what a file is called while it is written, a file's name has room for it.
    static let maximumName = 200

    /// The file's name.
    let fileName: String
    /// The same without its ending, under which the result comes back.
    let name: String
    let query: String
    /// SQL that must bring a row for the query to be run.
    let discovery: String?

    /// - Parameter text: What the file holds.
    init(fileName: String, text: String) throws(QueryFileError) {
        guard fileName.contains(".") else { throw .badName }
        self.fileName = fileName
        name = Self.name(of: fileName)
        guard name.utf8.count <= Self.maximumName else { throw .longName(name.utf8.count) }
        if fileName.hasSuffix(".json") {
            guard let query = RequestValue(text).jsonMember("query") else { throw .badJSON }
            self.query = query
            discovery = RequestValue(text).jsonMember("discovery")
        } else {
            query = text
            discovery = nil
        }
        // osqueryd gives up all that it was to do for one empty text (osquery: distributed/distributed.cpp, acceptWork).
        guard query.contains(where: { !$0.isWhitespace }) else { throw .empty }
        guard discovery?.contains(where: { !$0.isWhitespace }) ?? true else { throw .emptyDiscovery }
    }

    /// The name of a file without its ending.
    static func name(of fileName: String) -> String {
        String(fileName[..<(fileName.lastIndex(of: ".") ?? fileName.endIndex)])
    }

    /// Whether a file of this name is a query: letters, digits, `.`, `_` and `-`, and one of the two endings. A name that begins
    /// with a dot is not there yet.
    static func isQuery(_ fileName: String) -> Bool {
        guard fileName.hasSuffix(".sql") || fileName.hasSuffix(".json"), !fileName.hasPrefix(".") else { return false }
        return fileName.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "._-".utf8.contains(byte)
            }
        }
    }
}

/// Why a file is no query.
enum QueryFileError: Error, CustomStringConvertible {
    case badName
    case longName(Int)
    case empty
    case emptyDiscovery
    case badJSON
    case tooLarge

    var description: String {
        switch self {
        case .badName: "The name has no ending: call it NAME.sql or NAME.json."
        case .longName(let bytes):
            "The query was not run: its name has \(bytes) bytes, and may have \(QueryFile.maximumName)."
        case .empty: "The file holds no query."
        case .emptyDiscovery: "The member “discovery” is empty: leave it out, or give it a query."
        case .badJSON: "The file is no JSON object with a member “query”, a string."
        case .tooLarge: "The file has more than \(QueryFile.largest >> 20) MiB."
        }
    }
}
