import Osquery

/// A table. osquery> SELECT name, moons FROM planets WHERE name LIKE 'M%';
struct Planets: TablePlugin {
    struct Row: Encodable {
        var name: String
        var moons: Int
        var dayLength: Double?
    }

    let name = "planets"
    let columns = [Column("name", .text, .index), Column("moons", .integer), Column("day_length", .double)]

    func generate(_ query: QueryContext) -> [Row] {
        let planets = [
            Row(name: "Earth", moons: 1, dayLength: 1), Row(name: "Mars", moons: 2, dayLength: 1.027),
            Row(name: "Vulcan", moons: 0),
        ]
        // A hint that may be used or not: SQLite looks at each row again.
        let names = query.expressions(of: "name", .equals)
        return names.isEmpty ? planets : planets.filter { names.contains($0.name) }
    }
}

@main
struct Main {
    static func main() {
        OsqueryExtension(name: "planets", version: "1.0.0", plugins: [Planets()]).main()
    }
}
