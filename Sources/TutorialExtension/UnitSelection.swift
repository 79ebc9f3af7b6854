import Osquery
import Systemd

/// Which units a query's constraints leave to be asked for. SQLite looks at each row again, so more may be brought than that.
enum UnitSelection {
    static func selection(_ query: QueryContext) -> SystemdManager.Selection {
        for constraint in query["name"] {
            switch constraint.operator {
            case .equals: return .patterns([constraint.expression.quotedForGlob])
            // SQLite's patterns of GLOB are those of glob(7).
            case .glob: return .patterns([constraint.expression])
            case .like: return .patterns([pattern(like: constraint.expression)])
            default: break
            }
        }
        // 0 is what units without a main process have.
        let processes = query.numbers(of: "pid", as: UInt32.self).filter { $0 > 0 }
        return processes.isEmpty ? .all : .processes(processes)
    }

    /// LIKE's pattern as one of glob(7): `%`, `_`, and letters of either case.
    private static func pattern(like pattern: String) -> String {
        pattern.map { character in
            switch character {
            case "%": "*"
            case "_": "?"
            case _ where character.isASCII && character.isLetter:
                "[\(character.lowercased())\(character.uppercased())]"
            default: String(character).quotedForGlob
            }
        }.joined()
    }
}

extension String {
    /// A pattern that this text alone matches. systemd takes a backslash for itself.
    fileprivate var quotedForGlob: String {
        map { "*?[".contains($0) ? "[\($0)]" : String($0) }.joined()
    }
}
