import CSystemd
import Glibc

/// A D-Bus message to be sent, written from its beginning to its end (sd_bus_message_append_basic(3)).
final class BusMessage {
    let pointer: OpaquePointer

    /// Takes `pointer` over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        sd_bus_message_unref(pointer)
    }

    func append(_ text: String) throws(SystemdError) {
        try SystemdError.check(sd_bus_message_append_basic(pointer, BusType.string, text), "write a message")
    }

    func append(_ number: UInt32) throws(SystemdError) {
        var number = number
        try SystemdError.check(sd_bus_message_append_basic(pointer, BusType.uint32, &number), "write a message")
    }

    func append(_ texts: [String]) throws(SystemdError) {
        try SystemdError.check(sd_bus_message_open_container(pointer, BusType.array, "s"), "write a message")
        for text in texts { try append(text) }
        try SystemdError.check(sd_bus_message_close_container(pointer), "write a message")
    }
}

/// D-Bus's type codes (sd_bus_message_append(3)).
enum BusType {
    static let string = CChar(UInt8(ascii: "s"))
    static let objectPath = CChar(UInt8(ascii: "o"))
    static let uint32 = CChar(UInt8(ascii: "u"))
    static let array = CChar(UInt8(ascii: "a"))
    static let structure = CChar(UInt8(ascii: "r"))
}
