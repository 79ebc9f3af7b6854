import Glibc

/// Reads the properties that are wanted out of the hundreds that systemd answers with.
struct PropertyReader {
    let interface: String
    /// By the first byte of their names: nearly all that is not wanted is told by that.
    private var wanted: [[(name: ContiguousArray<CChar>, property: UnitProperty)]]
    private let count: Int

    /// Nil where nothing is wanted.
    init?(_ interface: String, _ properties: Set<UnitProperty>) {
        guard !properties.isEmpty else { return nil }
        self.interface = interface
        count = properties.count
        wanted = Array(repeating: [], count: 128)
        for property in properties {
            let name = ContiguousArray(property.rawValue.utf8CString)
            wanted[Int(name[0] & 0x7F)].append((name, property))
        }
    }

    /// Reads an answer to GetAll, and of that no more than what is wanted lies in: libsystemd's walk over it is most of the cost.
    func read(_ reply: BusMessage, into unit: inout Unit) throws(SystemdError) {
        var missing = count
        try reply.readPrefix(
            ofArray: "{sv}",
            while: { () throws(SystemdError) in
                try reply.readContainer(BusType.entry, of: "sv") { () throws(SystemdError) in
                    if let property = find(try reply.readCString()) {
                        try property.read(from: reply, into: &unit)
                        missing -= 1
                    } else {
                        try reply.skip("v")
                    }
                }
                return missing > 0
            })
    }

    private func find(_ name: UnsafePointer<CChar>) -> UnitProperty? {
        for (candidate, property) in wanted[Int(name.pointee & 0x7F)]
        where candidate.withUnsafeBufferPointer({ strcmp(name, $0.baseAddress!) }) == 0 {
            return property
        }
        return nil
    }
}
