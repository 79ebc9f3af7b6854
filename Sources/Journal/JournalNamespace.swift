import SystemCalls

/// A namespace of the journal, whose journald takes the entries of the units that name it (systemd.exec(5), LogNamespace=).
package struct JournalNamespace: Sendable, Equatable {
    /// Where a process finds the sockets of the journald that takes its entries, in whatever namespace it is.
    static let ownSocketDirectory = "/run/systemd/journal"

    /// Its name; nil for the default namespace.
    package let name: String?

    /// - Parameter name: An empty one, as systemd has it of a unit without a namespace, is that of the default one.
    package init(name: String?) {
        self.name = name == "" ? nil : name
    }

    /// The one that this process logs to.
    ///
    /// systemd mounts the namespace's directory over that of the default one, for the unit alone.
    package static let current: JournalNamespace = {
        let mounts = try? readStream(at: "/proc/self/mountinfo", limit: 4 << 20)
        return JournalNamespace(mounts: String(decoding: mounts ?? [], as: UTF8.self))
    }()

    /// - Parameter mounts: What proc(5) shows in mountinfo: the fourth word is the mount's root in its file system, the fifth where it
    ///   is mounted.
    init(mounts: String) {
        var name: String?
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 5, words[4] == Self.ownSocketDirectory, let last = words[3].split(separator: "/").last
            else { continue }
            name = last.hasPrefix("journal.") ? String(last.dropFirst("journal.".count)) : nil
        }
        self.name = name
    }

    /// Where a process in the namespace `other` finds the sockets of this one's journald.
    ///
    /// - Returns: Nil for the default namespace, if `other` is not: its directory is then hidden by the mount.
    func socketDirectory(from other: JournalNamespace) -> String? {
        if self == other { return Self.ownSocketDirectory }
        return name == nil ? nil : Self.ownSocketDirectory + suffix
    }

    /// journald's unit.
    package var unitName: String { "systemd-journald" + (name.map { "@\($0)" } ?? "") }

    /// journald's configuration file.
    package var configurationName: String { "journald" + (name.map { "@\($0)" } ?? "") + ".conf" }

    /// What follows the machine's number in the name of the directory of its files.
    var suffix: String { name.map { ".\($0)" } ?? "" }
}
