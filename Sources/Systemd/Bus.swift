import CSystemd
import Glibc

/// A connection to systemd over D-Bus (sd-bus(3)). Used by one thread at a time.
final class Bus {
    private static let destination = "org.freedesktop.systemd1"
    private static let manager = "/org/freedesktop/systemd1"
    /// For a call.
    private static let patience = Duration.seconds(10)
    /// The same in microseconds.
    private static let timeout: UInt64 = 10_000_000
    /// Calls under way at once: dbus-daemon allows 128 a connection (dbus-daemon(1), max_replies_per_connection).
    private static let window = 64

    private let bus: OpaquePointer

    /// Connects to the system's bus, or to systemd itself where there is none (which only root may).
    init() throws(SystemdError) {
        var bus: OpaquePointer?
        let result = sd_bus_open_system(&bus)
        if result >= 0, let bus {
            self.bus = bus
            return
        }
        guard sd_booted() > 0 else { throw .notBooted }
        var direct: OpaquePointer?
        guard sd_bus_new(&direct) >= 0, let direct else { throw .failed("connect to the system's bus", code: -result) }
        guard sd_bus_set_address(direct, "unix:path=/run/systemd/private") >= 0, sd_bus_start(direct) >= 0 else {
            sd_bus_unref(direct)
            throw .failed("connect to the system's bus", code: -result)
        }
        self.bus = direct
    }

    deinit {
        sd_bus_close_unref(bus)
    }

    /// A call that is to be made.
    struct Call {
        var path = Bus.manager
        var interface = "org.freedesktop.systemd1.Manager"
        let member: String
        var writeArguments: (BusMessage) throws(SystemdError) -> Void = { (_) throws(SystemdError) in }
    }

    /// Makes a call and waits for its answer.
    func call(_ call: Call) throws(SystemdError) -> BusMessage {
        var error = sd_bus_error()
        defer { sd_bus_error_free(&error) }
        var reply: OpaquePointer?
        let result = try withMessage(call) { sd_bus_call(bus, $0, Self.timeout, &error, &reply) }
        if sd_bus_error_is_set(&error) > 0, let name = error.name, !Self.isLocal(String(cString: name)) {
            throw .refused(
                call.member, name: String(cString: name), message: error.message.map { String(cString: $0) } ?? "")
        }
        try SystemdError.check(result, "call \(call.member)")
        guard let reply else { throw .failed("call \(call.member)", code: EBADMSG) }
        return BusMessage(reply)
    }

    /// Makes many calls, one after the other without waiting in between, and hands on the answers as they come.
    ///
    /// libsystemd sends the calls, and the answers are read here: it reads only when asked to, and no further than the end of a message
    /// (systemd: src/libsystemd/sd-bus/bus-socket.c, bus_socket_read_message_need).
    ///
    /// - Parameter receive: Gets a call's index and its answer; nil where systemd answered with an error.
    func call(
        _ calls: [Call], _ receive: (Int, BusAnswer?) throws(SystemdError) -> Void
    ) throws(SystemdError) {
        guard let member = calls.first?.member else { return }
        // Returns when libsystemd has been answered all that it asks to begin with.
        var id = sd_id128_t()
        try SystemdError.check(sd_bus_get_bus_id(bus, &id), "call \(member)")
        let connection = try SystemdError.check(sd_bus_get_fd(bus), "call \(member)")
        var underWay: [UInt32: Int] = [:]
        var made = 0
        var deadline = ContinuousClock.now + Self.patience
        while made < calls.count || !underWay.isEmpty {
            while made < calls.count && underWay.count < Self.window {
                var cookie: UInt64 = 0
                let result = try withMessage(calls[made]) { sd_bus_send(bus, $0, &cookie) }
                try SystemdError.check(result, "call \(member)")
                underWay[UInt32(truncatingIfNeeded: cookie)] = made
                made += 1
            }
            try SystemdError.check(sd_bus_flush(bus), "call \(member)")
            guard let answer = try BusAnswer.next(on: connection, before: deadline),
                let index = underWay.removeValue(forKey: answer.serial)
            else { continue }
            if let error = answer.error, Self.isLocal(error) { throw .failed("call \(member)", code: ECONNRESET) }
            try receive(index, answer.error == nil ? answer : nil)
            deadline = ContinuousClock.now + Self.patience
        }
    }

    private func withMessage<R>(_ call: Call, _ body: (OpaquePointer) -> R) throws(SystemdError) -> R {
        var pointer: OpaquePointer?
        try SystemdError.check(
            sd_bus_message_new_method_call(
                bus, &pointer, Self.destination, call.path, call.interface, call.member), "call \(call.member)")
        guard let pointer else { throw .failed("call \(call.member)", code: ENOMEM) }
        let message = BusMessage(pointer)
        try call.writeArguments(message)
        return withExtendedLifetime(message) { body(pointer) }
    }

    /// Whether an error is the connection's and not systemd's.
    private static func isLocal(_ name: String) -> Bool {
        name.hasPrefix("System.Error.") || name.hasPrefix("org.freedesktop.DBus.Error.NoReply")
            || name == "org.freedesktop.DBus.Error.Disconnected" || name == "org.freedesktop.DBus.Error.Timeout"
    }
}
