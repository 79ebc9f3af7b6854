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

    /// The next text, which lives as long as the message.
    func readCString(_ type: CChar = BusType.string) throws(SystemdError) -> UnsafePointer<CChar> {
        var text: UnsafePointer<CChar>?
        try SystemdError.check(sd_bus_message_read_basic(pointer, type, &text), "read a message")
        guard let text else { throw .failed("read a message", code: EBADMSG) }
        return text
    }

    func readString(_ type: CChar = BusType.string) throws(SystemdError) -> String {
        String(cString: try readCString(type))
    }

    func readInt32() throws(SystemdError) -> Int32 {
        var number: Int32 = 0
        try SystemdError.check(sd_bus_message_read_basic(pointer, BusType.int32, &number), "read a message")
        return number
    }

    func readUInt32() throws(SystemdError) -> UInt32 {
        var number: UInt32 = 0
        try SystemdError.check(sd_bus_message_read_basic(pointer, BusType.uint32, &number), "read a message")
        return number
    }

    func readUInt64() throws(SystemdError) -> UInt64 {
        var number: UInt64 = 0
        try SystemdError.check(sd_bus_message_read_basic(pointer, BusType.uint64, &number), "read a message")
        return number
    }

    /// Steps over values of these types.
    func skip(_ types: String) throws(SystemdError) {
        try SystemdError.check(sd_bus_message_skip(pointer, types), "read a message")
    }

    /// Calls `body` for each element of an array of `element`s.
    func readArray(of element: String, _ body: () throws(SystemdError) -> Void) throws(SystemdError) {
        try readPrefix(
            ofArray: element,
            while: { () throws(SystemdError) in
                try body()
                return true
            })
    }

    /// Calls `body` for each element until it answers false; then nothing behind the array can be read any more.
    func readPrefix(ofArray element: String, while body: () throws(SystemdError) -> Bool) throws(SystemdError) {
        try SystemdError.check(
            sd_bus_message_enter_container(pointer, BusType.array, element), "read a message")
        while sd_bus_message_at_end(pointer, 0) == 0 {
            guard try body() else { return }
        }
        try exit()
    }

    /// Reads a struct, a dictionary's entry or a variant; false where a variant holds another type, which is skipped.
    @discardableResult
    func readContainer(
        _ type: CChar, of contents: String, _ body: () throws(SystemdError) -> Void
    ) throws(SystemdError) -> Bool {
        let result = sd_bus_message_enter_container(pointer, type, contents)
        if result == -ENXIO && type == BusType.variant {
            try skip("v")
            return false
        }
        // 0 is said at the end of what it is in.
        guard try SystemdError.check(result, "read a message") > 0 else {
            throw .failed("read a message", code: EBADMSG)
        }
        try body()
        try exit()
        return true
    }

    private func exit() throws(SystemdError) {
        try SystemdError.check(sd_bus_message_exit_container(pointer), "read a message")
    }
}

/// D-Bus's type codes (sd_bus_message_append(3)).
enum BusType {
    static let string = CChar(UInt8(ascii: "s"))
    static let objectPath = CChar(UInt8(ascii: "o"))
    static let int32 = CChar(UInt8(ascii: "i"))
    static let uint32 = CChar(UInt8(ascii: "u"))
    static let uint64 = CChar(UInt8(ascii: "t"))
    static let array = CChar(UInt8(ascii: "a"))
    static let structure = CChar(UInt8(ascii: "r"))
    static let entry = CChar(UInt8(ascii: "e"))
    static let variant = CChar(UInt8(ascii: "v"))
}
