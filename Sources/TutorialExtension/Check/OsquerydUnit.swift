import Systemd

/// osqueryd's unit, as systemd knows it.
enum OsquerydUnit {
    static let name = "osqueryd.service"

    /// What systemd says of it; nil where it has not loaded it.
    static func look(_ properties: Set<UnitProperty>) throws(SystemdError) -> Unit? {
        try SystemdManager().units(.patterns([name]), properties).first
    }
}
