import Glibc
import SystemCalls

/// Settings of journald that bound how much it takes, and where it keeps it (journald.conf(5)).
package struct JournaldConfiguration {
    /// In seconds; 0 where there is no limit.
    package var rateLimitInterval = 30.0
    package var rateLimitBurst = 10_000
    /// `persistent`, `auto`, `volatile` or `none`.
    package var storage = "auto"
    /// Bytes; nil where journald derives them from the size of the file system.
    private var maximumUse: [Storage: Int] = [:]
    private var keepFree: [Storage: Int] = [:]

    enum Storage: String, CaseIterable {
        case system = "System"
        case runtime = "Runtime"
    }

    /// journald's own defaults.
    init() {}

    /// The settings that hold for a namespace's journald.
    package init(of namespace: JournalNamespace) {
        if namespace.name != nil { storage = "persistent" }
        for path in Self.paths(namespace.configurationName) { read(path) }
    }

    /// The files that hold, in the order in which they do: the first of the main files, and of drop-ins of the same name the one in
    /// the first directory.
    private static func paths(_ name: String) -> [String] {
        let roots: [String] = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map { $0 + "/systemd" }
        let mainFiles: [String] = roots.map { $0 + "/" + name }
        var paths = mainFiles.filter { access($0, F_OK) == 0 }.prefix(1)
        var dropIns: [String: String] = [:]
        for root in roots {
            let directory = "\(root)/\(name).d"
            for name in (try? namesInDirectory(at: directory)) ?? []
            where name.hasSuffix(".conf") && dropIns[name] == nil {
                dropIns[name] = "\(directory)/\(name)"
            }
        }
        paths += dropIns.sorted { $0.key < $1.key }.map(\.value)
        return Array(paths)
    }

    private mutating func read(_ path: String) {
        // A drop-in may be a link, to /dev/null for one.
        guard let bytes = try? readStream(at: path, limit: 1 << 20) else { return }
        read(text: String(decoding: bytes, as: UTF8.self))
    }

    /// Whether what journald takes stays through a reboot.
    package var isPersistent: Bool {
        ["persistent", "auto"].contains(storage) && JournalFiles.isPersistentDirectoryThere
    }

    /// Reads a file's lines. What makes no sense is passed over, as journald does.
    mutating func read(text: String) {
        for line in text.split(separator: "\n").map(\.trimmedWhitespace)
        where !line.hasPrefix("#") && !line.hasPrefix(";") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let value = line[line.index(after: equals)...].trimmedWhitespace
            switch line[..<equals].trimmedWhitespace {
            case "RateLimitIntervalSec", "RateLimitInterval":
                rateLimitInterval = value.isEmpty ? 30 : Self.seconds(value) ?? rateLimitInterval
            case "RateLimitBurst":
                rateLimitBurst = value.isEmpty ? 10_000 : UInt32(value).map { Int($0) } ?? rateLimitBurst
            case "Storage":
                if ["persistent", "auto", "volatile", "none"].contains(value) { storage = String(value) }
            case let name:
                for storage in Storage.allCases {
                    if name == "\(storage.rawValue)MaxUse" { maximumUse[storage] = Self.bytes(value) }
                    if name == "\(storage.rawValue)KeepFree" { keepFree[storage] = Self.bytes(value) }
                }
            }
        }
    }

    /// A time span (systemd.time(7)), in seconds.
    static func seconds(_ text: Substring) -> Double? {
        let units: [String: Double] = [
            "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6,
            "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
            "d": 86_400, "day": 86_400, "days": 86_400, "w": 604_800, "week": 604_800, "weeks": 604_800,
        ]
        var rest = text
        var total = 0.0
        repeat {
            let number = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count).drop(while: \.isWhitespace)
            let unit = rest.prefix(while: \.isLetter)
            rest = rest.dropFirst(unit.count).drop(while: \.isWhitespace)
            guard let value = Double(number), let factor = units[String(unit)] else { return nil }
            total += value * factor
        } while !rest.isEmpty
        return total
    }

    /// A size with K, M, G or T for powers of 1024.
    static func bytes(_ text: Substring) -> Int? {
        let shifts: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
        let shift = text.last.flatMap { shifts[$0] }
        guard let number = Double(shift == nil ? text : text.dropLast()), number >= 0 else { return nil }
        let bytes = number * Double(1 << (shift ?? 0))
        return bytes < 1e18 ? Int(bytes) : nil
    }

    /// Bytes that journald may still write (systemd: src/journal/journald-server.c, cache_space_refresh).
    var availableSpace: Int {
        let storage: Storage = JournalFiles.directory(isVolatile: false) == nil ? .runtime : .system
        guard let directory = JournalFiles.directory(isVolatile: storage == .runtime) else { return 0 }
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return 0 }
        let unit = Int(status.f_frsize)
        let (size, free) = (Int(status.f_blocks) * unit, Int(status.f_bavail) * unit)
        let upperBound = 4 << 30
        let maximum = maximumUse[storage] ?? min(size / 10, upperBound)
        let kept = keepFree[storage] ?? min(size * 15 / 100, upperBound)
        let used = JournalFiles.usedSpace(of: directory)
        return max(0, min(maximum, used + max(0, free - kept)) - used)
    }
}
