import CSystemd
import Glibc

/// A connection to systemd over D-Bus (sd-bus(3)). Used by one thread at a time.
final class Bus {
    private static let destination = "org.freedesktop.systemd1"
    private static let manager = "/org/freedesktop/systemd1"
    /// For a call, in microseconds.
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

    /// Makes many calls, one behind the other without waiting in between, and hands on the answers as they come.
    ///
    /// - Parameter receive: Gets a call's index and its answer; nil where systemd answered with an error.
    func call(
        _ calls: [Call], _ receive: @escaping (Int, BusMessage?) throws(SystemdError) -> Void
    ) throws(SystemdError) {
        let batch = Batch(receive)
        let pending = calls.indices.map { PendingCall(batch, $0) }
        var made = 0
        defer { withExtendedLifetime(pending) {} }
        while batch.answered < calls.count {
            while made < calls.count && made - batch.answered < Self.window {
                let userdata = Unmanaged.passUnretained(pending[made]).toOpaque()
                let result = try withMessage(calls[made]) {
                    sd_bus_call_async(bus, nil, $0, Self.answered, userdata, Self.timeout)
                }
                try SystemdError.check(result, "call \(calls[made].member)")
                made += 1
            }
            let result = try SystemdError.check(sd_bus_process(bus, nil), "call \(calls[0].member)")
            if let error = batch.error { throw error }
            if result == 0 { try SystemdError.check(sd_bus_wait(bus, Self.timeout), "wait for systemd") }
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
    fileprivate static func isLocal(_ name: String) -> Bool {
        name.hasPrefix("System.Error.") || name.hasPrefix("org.freedesktop.DBus.Error.NoReply")
            || name == "org.freedesktop.DBus.Error.Disconnected" || name == "org.freedesktop.DBus.Error.Timeout"
    }

    /// What sd-bus calls with each answer.
    private static let answered: sd_bus_message_handler_t = { reply, userdata, _ in
        let call = Unmanaged<PendingCall>.fromOpaque(userdata!).takeUnretainedValue()
        call.batch.take(reply!, call.index)
        return 0
    }

    private final class PendingCall {
        let batch: Batch
        let index: Int

        init(_ batch: Batch, _ index: Int) {
            self.batch = batch
            self.index = index
        }
    }

    private final class Batch {
        private let receive: (Int, BusMessage?) throws(SystemdError) -> Void
        private(set) var answered = 0
        private(set) var error: SystemdError?

        init(_ receive: @escaping (Int, BusMessage?) throws(SystemdError) -> Void) {
            self.receive = receive
        }

        func take(_ reply: OpaquePointer, _ index: Int) {
            answered += 1
            let isError = sd_bus_message_is_method_error(reply, nil) > 0
            if isError, let name = sd_bus_message_get_error(reply)?.pointee.name, Bus.isLocal(String(cString: name)) {
                error = .failed("call systemd", code: sd_bus_message_get_errno(reply))
                return
            }
            do throws(SystemdError) {
                try receive(index, isError ? nil : BusMessage(borrowed: reply))
            } catch {
                self.error = error
            }
        }
    }
}
