import SystemCalls

/// The journal namespace that this process logs to (systemd.exec(5), LogNamespace=).
enum JournalNamespace {
    private static let directory = "/run/systemd/journal"

    /// Its name; nil for the default namespace.
    ///
    /// systemd mounts the namespace's directory over that of the default one, for the unit alone.
    static let current: String? = {
        guard let mounts = try? readStream(at: "/proc/self/mountinfo", limit: 4 << 20) else { return nil }
        return name(mounts: String(decoding: mounts, as: UTF8.self))
    }()

    /// - Parameter mounts: What proc(5) shows in mountinfo: the fourth word is the mount's root in its file system, the fifth where it
    ///   is mounted.
    static func name(mounts: String) -> String? {
        var name: String?
        for line in mounts.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 5, words[4] == directory, let last = words[3].split(separator: "/").last else {
                continue
            }
            name = last.hasPrefix("journal.") ? String(last.dropFirst("journal.".count)) : nil
        }
        return name
    }
}
