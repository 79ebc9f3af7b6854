import Glibc

/// What an administrator can set for the way into the journal, by environment variables.
package struct JournalSettings: Sendable {
    /// How long to wait for a journald that stands still before entries go to the spool, in milliseconds.
    package var wait: Int32 = 5000
    /// The spool's directory.
    package var spool = defaultDirectory
    /// Whether that directory is there for this program alone, by its name or by systemd's StateDirectory=.
    package var isSpoolOwn: Bool { spool == Self.defaultDirectory || spool == stateDirectory }
    private let stateDirectory: String?
    /// Bytes that the spool may hold.
    package var spoolLimit = 512 << 20
    /// Whether entries are numbered.
    package var isNumbered = true
    /// How long to hold a call when an entry can be brought nowhere. osqueryd gives a call 300 s.
    package var hold = Duration.seconds(240)

    /// The directory for what is kept, unless a variable names another.
    package static let defaultDirectory = "/var/lib/tutorial-extension"

    /// The first directory that systemd has made for the unit (systemd.exec(5), StateDirectory=).
    package static func stateDirectory(_ environment: (String) -> String?) -> String? {
        environment("STATE_DIRECTORY")?.split(separator: ":").first.map(String.init)
    }

    /// Where a second process of the same unit has its spool, in the directory of the first one's.
    static let companionDirectory = "plugins"

    /// Uses a directory of its own within the spool's: for a second process of the same unit.
    ///
    /// If the spool's cannot be used, it stays the one to use, and whoever opens it learns why.
    package mutating func useCompanionSpool() {
        if (try? SpoolDirectory(path: spool, isOwn: isSpoolOwn)) != nil { spool = Self.companionSpool(in: spool) }
    }

    /// Where a second process of the same unit has its spool, whether there is one or not.
    package static func companionSpool(in spool: String) -> String { "\(spool)/\(companionDirectory)" }

    /// The directories of a spool: its own, and that of a second process of the same unit, where there is one.
    package static func directories(ofSpool spool: String) -> [String] {
        let companion = companionSpool(in: spool)
        return access(companion, F_OK) == 0 ? [spool, companion] : [spool]
    }

    /// Reads the variables.
    ///
    /// - Parameter complain: Called with a sentence for each that has no meaning; its default holds.
    package init(environment: (String) -> String?, complain: (String) -> Void) {
        stateDirectory = Self.stateDirectory(environment)
        if let text = environment("OSQUERY_JOURNAL_WAIT") {
            if let seconds = Double(text), (0...240).contains(seconds) {
                wait = Int32(seconds * 1000)
            } else {
                complain("OSQUERY_JOURNAL_WAIT=\(text) is not a number of seconds from 0 to 240: 5 s is used.")
            }
        }
        if let text = environment("OSQUERY_JOURNAL_SPOOL") ?? stateDirectory {
            if text.hasPrefix("/") {
                spool = text
            } else {
                complain("The spool's directory “\(text)” is not an absolute path: \(spool) is used.")
            }
        }
        switch environment("OSQUERY_JOURNAL_SEQUENCE") {
        case nil, "1": break
        case "0": isNumbered = false
        case let text?: complain("OSQUERY_JOURNAL_SEQUENCE=\(text) is neither 0 nor 1: entries are numbered.")
        }
        if let text = environment("OSQUERY_JOURNAL_SPOOL_MAX") {
            if let bytes = Self.bytes(text) {
                spoolLimit = bytes
            } else {
                complain(
                    "OSQUERY_JOURNAL_SPOOL_MAX=\(text) is not a number of bytes, like 67108864 or 64M: 512M is used.")
            }
        }
    }

    /// A number of bytes, followed by K, M or G for powers of 1024.
    private static func bytes(_ text: String) -> Int? {
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30]
        let shift = text.last.flatMap { shifts[$0] }
        guard let number = Int(shift == nil ? text[...] : text.dropLast()), number >= 0, number < 1 << 32 else {
            return nil
        }
        return number << (shift ?? 0)
    }
}
