import CSystemd
import Glibc

/// A D-Bus message, read or written from its beginning to its end (sd_bus_message_read_basic(3)).
final class BusMessage {
    let pointer: OpaquePointer

    /// Takes `pointer` over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    /// A message that libsystemd keeps for as long as it needs it itself.
    init(borrowed pointer: OpaquePointer) {
        self.pointer = sd_bus_message_ref(pointer)
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
        String(cString: try readCString(type))
    }

    private func readCString(_ type: CChar) throws(SystemdError) -> UnsafePointer<CChar> {
        var text: UnsafePointer<CChar>?
        try SystemdError.check(sd_bus_message_read_basic(pointer, type, &text), "read a message")
        guard let text else { throw .malformed }
        return text
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

    /// Calls `body` with the entries of a dictionary from names to variants, which the whole message is.
    ///
    /// libsystemd reads such a message value by value, with a search through the signatures and two allocations at each of the 400
    /// properties of a service: four fifths of what a scan of all units cost. So it opens the dictionary and reads the first
    /// name, which it hands out where it lies in the message; from there on the bytes are read in place. A received message's
    /// body is one piece (systemd: src/libsystemd/sd-bus/bus-message.c, bus_message_from_malloc), and the array's length, which
    /// stands before the first entry, was checked against the message by the bus, or written by systemd itself.
    func withDictionary(_ body: (inout DBusBytes) throws(SystemdError) -> Void) throws(SystemdError) {
        guard let signature = sd_bus_message_get_signature(pointer, 1), strcmp(signature, "a{sv}") == 0 else {
            throw .malformed
        }
        try SystemdError.check(sd_bus_message_enter_container(pointer, BusType.array, "{sv}"), "read a message")
        if sd_bus_message_at_end(pointer, 0) > 0 { return }
        try enter(BusType.entry, "sv")
        let name = UnsafeRawPointer(try readCString(BusType.string))
        // The array's length, 4 bytes of padding up to the first entry, and the length of the entry's name.
        let entries = name - 4
        let length = Int((entries - 8).loadUnaligned(as: UInt32.self))
        guard entries.loadUnaligned(as: UInt32.self) == strlen(name.assumingMemoryBound(to: CChar.self)),
            length <= Self.longestArray
        else { throw .malformed }
        try withExtendedLifetime(self) { () throws(SystemdError) in
            var bytes = DBusBytes(UnsafeRawBufferPointer(start: entries, count: length))
            try body(&bytes)
        }
    }

    /// Bytes in an array at most (D-Bus Specification).
    private static let longestArray = 64 << 20

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
    static let entry = CChar(UInt8(ascii: "e"))
}
