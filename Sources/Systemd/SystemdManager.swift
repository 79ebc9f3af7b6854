import SystemCalls

/// systemd's manager of system units, asked over D-Bus by one connection that is kept, and made anew when it breaks.
package final class SystemdManager: Sendable {
    /// Which units.
    package enum Selection: Sendable, Equatable {
        case all
        /// Those whose name matches one of the patterns (glob(7)).
        case patterns([String])
        /// The units that these processes belong to.
        case processes([UInt32])
    }

    /// For all that is asked at once, since others wait for the connection.
    private static let patience = Duration.seconds(10)

    private let connection = Lock<Bus?>(nil)

    package init() {}

    /// The units that are loaded, in no order that means anything.
    ///
    /// A unit that vanishes while it is being asked for is left out.
    ///
    /// - Parameter properties: What is to be known of each. One call brings the name, the description and the states of all.
    package func units(
        _ selection: Selection, _ properties: Set<UnitProperty> = Set(UnitProperty.allCases)
    ) throws(SystemdError) -> [Unit] {
        let result: Result<[Unit], SystemdError> = connection.withLock { bus in
            let deadline = Deadline(in: Self.patience)
            let isOld = bus != nil
            do throws(SystemdError) {
                return .success(try Self.units(selection, properties, &bus, deadline))
            } catch {
                bus = nil
                guard isOld && error.isLostConnection else { return .failure(error) }
            }
            do throws(SystemdError) {
                return .success(try Self.units(selection, properties, &bus, deadline))
            } catch {
                bus = nil
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func units(
        _ selection: Selection, _ properties: Set<UnitProperty>, _ bus: inout Bus?,
        _ deadline: Deadline
    ) throws(SystemdError) -> [Unit] {
        let connected: Bus
        if let bus { connected = bus } else { connected = try Bus() }
        bus = connected
        switch selection {
        case .all:
            let listed = try list(try connected.call(Bus.Call(member: "ListUnits"), before: deadline))
            return try complete(listed, properties.subtracting(UnitProperty.listed), connected, deadline)
        case .patterns(let patterns):
            let call = Bus.Call(member: "ListUnitsByPatterns") { (message) throws(SystemdError) in
                try message.append([])
                try message.append(patterns)
            }
            let listed = try list(try connected.call(call, before: deadline))
            return try complete(listed, properties.subtracting(UnitProperty.listed), connected, deadline)
        case .processes(let processes):
            let found = try paths(of: processes, connected, deadline).map { ListedUnit(path: $0) }
            return try complete(found, properties.union([.name]), connected, deadline)
        }
    }

    private struct ListedUnit {
        var unit = Unit()
        var path = ""

        /// The D-Bus interface of the unit's type that tells more than that of all units.
        var typeInterface: String? {
            // A path ends with the name, in which what is no letter or digit is spelled like `_2e`.
            let types = ["service", "socket", "mount", "swap", "slice", "scope"]
            guard let type = types.first(where: { path.hasSuffix("_2e\($0)") }) else { return nil }
            return "org.freedesktop.systemd1.\(type.prefix(1).uppercased())\(type.dropFirst())"
        }
    }

    /// Reads the answer to ListUnits: name, description, load, active and sub state, the unit followed, path, job.
    private static func list(_ answer: BusAnswer) throws(SystemdError) -> [ListedUnit] {
        var listed: [ListedUnit] = []
        try answer.read("a(ssssssouso)") { (bytes) throws(SystemdError) in
            try bytes.forEachElement(alignedTo: 8) { (unit) throws(SystemdError) in
                var next = ListedUnit()
                next.unit.name = try unit.string()
                next.unit.description = try unit.string()
                next.unit.loadState = try unit.string()
                next.unit.activeState = try unit.string()
                next.unit.subState = try unit.string()
                _ = try unit.text()
                next.path = try unit.string()
                _ = try unit.number(as: UInt32.self)
                _ = try unit.text()
                _ = try unit.text()
                listed.append(next)
            }
        }
        return listed
    }

    /// The units of processes; a process that there is not, or that is in no unit, has none.
    private static func paths(
        of processes: [UInt32], _ bus: Bus, _ deadline: Deadline
    ) throws(SystemdError) -> [String] {
        let calls = processes.map { process in
            Bus.Call(member: "GetUnitByPID") { (message) throws(SystemdError) in try message.append(process) }
        }
        var paths: [String] = []
        try bus.call(calls, before: deadline) { (_, answer) throws(SystemdError) in
            guard answer.error == nil else { return }
            let path = try answer.read("o") { (bytes) throws(SystemdError) in try bytes.string() }
            if !paths.contains(path) { paths.append(path) }
        }
        return paths
    }

    /// Adds what the properties tell, which is one call a unit.
    private static func complete(
        _ listed: [ListedUnit], _ properties: Set<UnitProperty>, _ bus: Bus, _ deadline: Deadline
    ) throws(SystemdError) -> [Unit] {
        let common = properties.intersection(UnitProperty.common)
        let special = properties.subtracting(UnitProperty.common)
        // Those of all interfaces are asked for only where those of one will not do.
        let ofAll = PropertyReader("", properties)
        let ofUnit = common.isEmpty ? nil : PropertyReader("org.freedesktop.systemd1.Unit", common)
        var ofTypes: [String: PropertyReader] = [:]
        var calls: [Bus.Call] = []
        var purposes: [(unit: Int, reader: PropertyReader)] = []
        for (index, unit) in listed.enumerated() {
            var reader = ofUnit
            if !special.isEmpty, let interface = unit.typeInterface {
                reader = common.isEmpty ? ofTypes[interface] ?? PropertyReader(interface, special) : ofAll
                if common.isEmpty { ofTypes[interface] = reader }
            }
            guard let reader else { continue }
            purposes.append((index, reader))
            calls.append(
                Bus.Call(path: unit.path, interface: "org.freedesktop.DBus.Properties", member: "GetAll") {
                    (message) throws(SystemdError) in try message.append(reader.interface)
                })
        }
        var units = listed.map { Optional($0.unit) }
        try bus.call(calls, before: deadline) { (index, answer) throws(SystemdError) in
            let (unit, reader) = purposes[index]
            if answer.error == nil {
                try reader.read(answer, into: &units[unit]!)
            } else {
                units[unit] = nil
            }
        }
        return units.compactMap { $0 }
    }
}
