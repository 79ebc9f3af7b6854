import CSystemd
import Glibc
import Testing

@testable import Systemd

/// Answers to GetAll as libsystemd itself marshals them.
@Suite("PropertyReader")
struct PropertyReaderTests {
    /// A message with values of every shape that D-Bus has, before, between and behind those that are wanted.
    private func reply() throws -> [UInt8] {
        try sent { message in
            try append("Numbers", "(ybnqiuxtd)", message) {
                sd_bus_message_open_container($0, BusType.structure, "ybnqiuxtd") + append(basic: "ybnqiuxtd", to: $0)
                    + sd_bus_message_close_container($0)
            }
            try append("Id", "s", message) { sd_bus_message_append_basic($0, BusType.string, "näme.service") }
            try append("Nested", "v", message) {
                sd_bus_message_open_container($0, Self.variant, "v")
                    + sd_bus_message_open_container($0, Self.variant, "as")
                    + append(texts: ["a", "bc"], to: $0) + sd_bus_message_close_container($0)
                    + sd_bus_message_close_container($0)
            }
            try append("Signature", "g", message) { sd_bus_message_append_basic($0, CChar(UInt8(ascii: "g")), "a{sv}") }
            try append("Empty", "a(st)", message) {
                sd_bus_message_open_container($0, BusType.array, "(st)") + sd_bus_message_close_container($0)
            }
            try append("MainPID", "u", message) {
                var pid: UInt32 = 4711
                return sd_bus_message_append_basic($0, BusType.uint32, &pid)
            }
            try append("ExecStart", "a(sasbttttuii)", message) { message in
                var result = sd_bus_message_open_container(message, BusType.array, "(sasbttttuii)")
                for words in [["/bin/one"], ["/bin/two", "second", ""]] {
                    result += sd_bus_message_open_container(message, BusType.structure, "sasbttttuii")
                    result += sd_bus_message_append_basic(message, BusType.string, words[0])
                    result += append(texts: words, to: message) + append(basic: "bttttuii", to: message)
                    result += sd_bus_message_close_container(message)
                }
                return result + sd_bus_message_close_container(message)
            }
            // Of another type than systemd's: left as it is.
            try append("User", "o", message) { sd_bus_message_append_basic($0, BusType.objectPath, "/nobody") }
            try append("CPUUsageNSec", "t", message) {
                var time: UInt64 = 1 << 40
                return sd_bus_message_append_basic($0, Self.uint64, &time)
            }
            try append("MemoryCurrent", "t", message) {
                var unknown = UInt64.max
                return sd_bus_message_append_basic($0, Self.uint64, &unknown)
            }
        }
    }

    private let reader = PropertyReader("", [.name, .mainPID, .execStart, .user, .cpuUsage, .memoryCurrent])

    @Test("wanted properties are found among values of every type")
    func wantedProperties() throws {
        var unit = Unit()
        try reader.read(try answer(reply()), into: &unit)
        #expect(unit.name == "näme.service")
        #expect(unit.mainPID == 4711)
        #expect(
            unit.execStart == [
                ExecCommand(path: "/bin/one", arguments: ["/bin/one"]),
                ExecCommand(path: "/bin/two", arguments: ["/bin/two", "second", ""]),
            ])
        #expect(unit.user == nil)
        #expect(unit.cpuUsage == 1 << 40)
        #expect(unit.memoryCurrent == nil)
    }

    @Test("an answer without properties leaves the unit as it is")
    func emptyAnswer() throws {
        var unit = Unit()
        try reader.read(try answer(sent { _ in }), into: &unit)
        #expect(unit == Unit())
    }

    @Test("an answer of another type is refused")
    func otherAnswer() throws {
        let message = try answer(
            sent(dictionary: false) { message in
                #expect(sd_bus_message_append_basic(message, BusType.string, "text") >= 0)
            })
        var unit = Unit()
        #expect(throws: SystemdError.malformed) { try reader.read(message, into: &unit) }
    }

    @Test("cut off anywhere, the properties are refused or read as far as they go, never beyond")
    func truncated() throws {
        let whole = try properties(of: reply())
        for length in 0..<whole.count {
            // Memory of its own, so that AddressSanitizer sees a read beyond it.
            let part = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 8)
            defer { part.deallocate() }
            part.copyBytes(from: whole[..<length])
            var bytes = DBusBytes(UnsafeRawBufferPointer(part))
            var count = 0
            do throws(SystemdError) {
                while !bytes.isAtEnd {
                    _ = try bytes.nextProperty()
                    count += 1
                }
            } catch {
                #expect(error == .malformed)
            }
            #expect(count < 10)
        }
    }

    @Test("cut off anywhere, a message is refused")
    func truncatedMessage() throws {
        let whole = try reply()
        for length in 0..<whole.count {
            #expect(throws: SystemdError.malformed) { _ = try BusAnswer(Array(whole[..<length])) }
        }
    }

    @Test("any byte changed, the message is read within its bounds")
    func flipped() throws {
        let whole = try reply()
        for position in whole.indices {
            for value in [0, 0xFF, whole[position] ^ 0x80, whole[position] &+ 1] {
                var changed = whole
                changed[position] = value
                var unit = Unit()
                do throws(SystemdError) {
                    guard let answer = try BusAnswer(changed) else { continue }
                    let all = PropertyReader("", Set(UnitProperty.allCases))
                    try all.read(answer, into: &unit)
                } catch {
                    #expect([.malformed, .failed("read a message", code: EMSGSIZE)].contains(error))
                }
            }
        }
    }

    @Test("an array that claims to be longer than its message is refused", arguments: [1, 1000, 64 << 20, UInt32.max])
    func longArray(excess: UInt32) throws {
        var bytes = try reply()
        let body = bytes.count - 8 - (try properties(of: bytes)).count
        let length = UInt32(bytes.count - body - 8)
        withUnsafeBytes(of: length.addingReportingOverflow(excess).overflow ? .max : length + excess) {
            bytes.replaceSubrange(body..<body + 4, with: $0)
        }
        var unit = Unit()
        let claiming = try answer(bytes)
        #expect(throws: SystemdError.malformed) { try reader.read(claiming, into: &unit) }
    }

    private func answer(_ bytes: [UInt8]) throws -> BusAnswer { try #require(try BusAnswer(bytes)) }

    /// The entries of the dictionary that a message is.
    private func properties(of message: [UInt8]) throws -> [UInt8] {
        try answer(message).read("a{sv}") { (bytes) throws(SystemdError) in Array(try bytes.entries().rest) }
    }

    // MARK: - Messages, written by libsystemd

    private static let entry = CChar(UInt8(ascii: "e"))
    private static let variant = CChar(UInt8(ascii: "v"))
    private static let uint64 = CChar(UInt8(ascii: "t"))

    /// A message as libsystemd sends it, but as an answer.
    private func sent(dictionary: Bool = true, _ write: (OpaquePointer) throws -> Void) throws -> [UInt8] {
        var bus: OpaquePointer?
        #expect(sd_bus_new(&bus) >= 0)
        defer { sd_bus_unref(bus) }
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[1]) }
        // Who is at the other end agrees to all.
        let agreement = "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n"
        #expect(Glibc.write(ends[1], agreement, agreement.utf8.count) == agreement.utf8.count)
        #expect(sd_bus_set_fd(bus, ends[0], ends[0]) >= 0)
        #expect(sd_bus_start(bus) >= 0)
        var message: OpaquePointer?
        #expect(sd_bus_message_new_method_call(bus, &message, "a.b", "/", "a.b", "Reply") >= 0)
        let made = try #require(message)
        defer { sd_bus_message_unref(made) }
        if dictionary { #expect(sd_bus_message_open_container(made, BusType.array, "{sv}") >= 0) }
        try write(made)
        if dictionary { #expect(sd_bus_message_close_container(made) >= 0) }
        #expect(sd_bus_send(bus, made, nil) >= 0)
        #expect(sd_bus_flush(bus) >= 0)
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(ends[1], &bytes, bytes.count, Int32(MSG_DONTWAIT))
        let greeting = Array("BEGIN\r\n".utf8)
        let begin = try #require((0..<max(0, count)).first { bytes[$0...].starts(with: greeting) }) + greeting.count
        bytes = Array(bytes[begin..<count])
        let methodReturn: UInt8 = 2
        bytes[1] = methodReturn
        return bytes
    }

    private func append(
        _ name: String, _ type: String, _ message: OpaquePointer, _ write: (OpaquePointer) -> Int32
    ) throws {
        #expect(sd_bus_message_open_container(message, Self.entry, "sv") >= 0)
        #expect(sd_bus_message_append_basic(message, BusType.string, name) >= 0)
        #expect(sd_bus_message_open_container(message, Self.variant, type) >= 0)
        #expect(write(message) >= 0)
        #expect(sd_bus_message_close_container(message) >= 0)
        #expect(sd_bus_message_close_container(message) >= 0)
    }

    private func append(texts: [String], to message: OpaquePointer) -> Int32 {
        var result = sd_bus_message_open_container(message, BusType.array, "s")
        for text in texts { result += sd_bus_message_append_basic(message, BusType.string, text) }
        return result + sd_bus_message_close_container(message)
    }

    private func append(basic types: String, to message: OpaquePointer) -> Int32 {
        types.utf8.reduce(0) { result, type in
            // Large enough for each of the types, and for a boolean 1.
            var number: UInt64 = 1
            return result + sd_bus_message_append_basic(message, CChar(type), &number)
        }
    }
}
