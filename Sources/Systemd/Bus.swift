import CSystemd
import Glibc
import SystemCalls

/// A connection to systemd over D-Bus (sd-bus(3)). Used by one thread at a time.
final class Bus {
    private static let destination = "org.freedesktop.systemd1"
    private static let manager = "/org/freedesktop/systemd1"
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
    func call(_ call: Call, before deadline: Deadline) throws(SystemdError) -> BusAnswer {
        var found: BusAnswer?
        try self.call([call], before: deadline) { (_, answer) in found = answer }
        guard let found else { throw .failed("call \(call.member)", code: EBADMSG) }
        guard let name = found.error else { return found }
        let message = try? found.read("s") { (bytes) throws(SystemdError) in try bytes.string() }
        throw .refused(call.member, name: name, message: message ?? "")
    }

    /// Makes many calls, one after the other without waiting in between, and hands on the answers as they come.
    ///
    /// libsystemd sends the calls, and the answers are read here: it reads only when asked to, and no further than the end of a message
    /// (systemd: src/libsystemd/sd-bus/bus-socket.c, bus_socket_read_message_need). Its own sd_bus_call() and sd_bus_flush() may wait
    /// longer than they are told, the first while other messages come, the second while none is taken.
    ///
    /// - Parameters:
    ///   - deadline: When all answers must have come.
    ///   - receive: Gets a call's index and its answer, which may be an error of systemd's.
    func call(
        _ calls: [Call], before deadline: Deadline,
        _ receive: (Int, BusAnswer) throws(SystemdError) -> Void
    ) throws(SystemdError) {
        guard let member = calls.first?.member else { return }
        try getReady(before: deadline)
        let connection = try SystemdError.check(sd_bus_get_fd(bus), "call \(member)")
        var underWay: [UInt32: Int] = [:]
        var made = 0
        while made < calls.count || !underWay.isEmpty {
            while made < calls.count && underWay.count < Self.window {
                var cookie: UInt64 = 0
                let result = try withMessage(calls[made]) { sd_bus_send(bus, $0, &cookie) }
                try SystemdError.check(result, "call \(member)")
                underWay[UInt32(truncatingIfNeeded: cookie)] = made
                made += 1
            }
            try flush(connection, before: deadline)
            guard let answer = try BusAnswer.next(on: connection, before: deadline),
                let index = underWay.removeValue(forKey: answer.serial)
            else { continue }
            if let error = answer.error, Self.isLocal(error) { throw .failed("call \(member)", code: ECONNRESET) }
            try receive(index, answer)
        }
    }

    /// Waits until libsystemd has been answered all that it asks to begin with.
    private func getReady(before deadline: Deadline) throws(SystemdError) {
        while try SystemdError.check(sd_bus_is_ready(bus), "connect to the system's bus") == 0 {
            let left = try BusAnswer.timeLeft(before: deadline)
            let result = try SystemdError.check(sd_bus_process(bus, nil), "connect to the system's bus")
            if result == 0 {
                try SystemdError.check(sd_bus_wait(bus, UInt64(left) * 1000), "connect to the system's bus")
            }
        }
    }

    /// Waits until libsystemd has sent all calls.
    private func flush(_ connection: Int32, before deadline: Deadline) throws(SystemdError) {
        while true {
            var queued: UInt64 = 0
            try SystemdError.check(sd_bus_get_n_queued_write(bus, &queued), "send a message")
            if queued == 0 { return }
            // While there is room, it sends and does not read (systemd: src/libsystemd/sd-bus/sd-bus.c, process_running).
            if try BusAnswer.wait(for: POLLOUT, on: connection, before: deadline) {
                try SystemdError.check(sd_bus_process(bus, nil), "send a message")
            }
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
