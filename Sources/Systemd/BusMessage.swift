import CSystemd
import Glibc

/// A D-Bus message, read or written from its beginning to its end (sd_bus_message_read_basic(3)).
final class BusMessage {
    let pointer: OpaquePointer

    /// Takes `pointer` over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        sd_bus_message_unref(pointer)
    }

    // MARK: - Writing

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

    // MARK: - Reading

    /// The next text or object path.
    func readString(_ type: CChar = BusType.string) throws(SystemdError) -> String {
        var text: UnsafePointer<CChar>?
        try SystemdError.check(sd_bus_message_read_basic(pointer, type, &text), "read a message")
        guard let text else { throw .malformed }
        return String(cString: text)
    }

    /// Steps over values of these types.
    func skip(_ types: String) throws(SystemdError) {
        try SystemdError.check(sd_bus_message_skip(pointer, types), "read a message")
    }

    /// Calls `body` for each element of an array of structs with these contents.
    func readStructs(of contents: String, _ body: () throws(SystemdError) -> Void) throws(SystemdError) {
        try SystemdError.check(
            sd_bus_message_enter_container(pointer, BusType.array, "(\(contents))"), "read a message")
        while sd_bus_message_at_end(pointer, 0) == 0 {
            try enter(BusType.structure, contents)
            try body()
            try exit()
        }
        try exit()
    }

    private func enter(_ type: CChar, _ contents: String) throws(SystemdError) {
        let result = sd_bus_message_enter_container(pointer, type, contents)
        // 0 is said at the end of what it is in.
        guard try SystemdError.check(result, "read a message") > 0 else { throw .malformed }
    }

    private func exit() throws(SystemdError) {
        try SystemdError.check(sd_bus_message_exit_container(pointer), "read a message")
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
