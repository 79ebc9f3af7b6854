import Glibc

/// Reads the properties that are wanted out of the hundreds that systemd answers with.
struct PropertyReader {
    /// The D-Bus interface whose properties to ask for; empty for all that the unit has.
    let interface: String
    /// By the first byte of their names: nearly all that is not wanted is told by that.
    private var wanted: [[(name: [UInt8], property: UnitProperty)]]
    private let count: Int

    init(_ interface: String, _ properties: Set<UnitProperty>) {
        self.interface = interface
        count = properties.count
        wanted = Array(repeating: [], count: 128)
        for property in properties {
            let name = Array(property.rawValue.utf8)
            wanted[Int(name[0])].append((name, property))
        }
    }

    /// Reads an answer to GetAll, up to the last requested property.
    func read(_ answer: BusAnswer, into unit: inout Unit) throws(SystemdError) {
        try answer.read("a{sv}") { (bytes) throws(SystemdError) in
            var properties = try bytes.entries()
            var missing = count
            while missing > 0 && !properties.isAtEnd {
                let (name, value) = try properties.nextProperty()
                guard let property = find(name) else { continue }
                try property.read(value, into: &unit)
                missing -= 1
            }
        }
    }

    private func find(_ name: UnsafeRawBufferPointer) -> UnitProperty? {
        guard let first = name.first, first < 128 else { return nil }
        for (candidate, property) in wanted[Int(first)]
        where candidate.count == name.count && memcmp(candidate, name.baseAddress!, name.count) == 0 {
            return property
        }
        return nil
    }
}
