import Glibc
import SystemCalls

/// An answer to a call over D-Bus, as it came, every length in which is still to be compared with what there is.
///
/// libsystemd reads a message value by value, with a search through the signatures and two allocations at each of the 400 properties of a
/// service: four fifths of what a scan of all units cost. It does not tell how long a message is either, so that the values cannot be read
/// where it keeps them. So the message is read from the connection here, and its values by ``DBusBytes``.
struct BusAnswer {
    /// The number of the call that it answers.
    private(set) var serial: UInt32 = 0
    /// What kind of error it is; nil where the call has succeeded.
    private(set) var error: String?
    private var signature: [UInt8] = []
    private let bytes: [UInt8]
    private let bodyOffset: Int

    // D-Bus Specification, “Message Format”.
    private static let fixedLength = 16
    private static let methodReturn: UInt8 = 2
    private static let methodError: UInt8 = 3
    private enum Field {
        static let errorName: UInt8 = 4
        static let replySerial: UInt8 = 5
        static let signature: UInt8 = 8
    }

    /// Reads the header of a message.
    ///
    /// - Returns: Nil where the message answers no call.
    init?(_ bytes: [UInt8]) throws(SystemdError) {
        self.bytes = bytes
        let size = try Self.size(of: bytes)
        guard bytes.count == size.header + size.body else { throw .malformed }
        bodyOffset = size.header
        guard [Self.methodReturn, Self.methodError].contains(bytes[1]) else { return nil }
        var found = (serial: UInt32(0), error: String?.none, signature: [UInt8]())
        try Self.read(bytes, 0..<size.header) { (header) throws(SystemdError) in
            // Four bytes, of which `size` has read what matters, the length of the body, and the number of the message.
            for _ in 0..<3 { _ = try header.number(as: UInt32.self) }
            try header.forEachElement(alignedTo: 8) { (field) throws(SystemdError) in
                let code = try field.number(as: UInt8.self)
                let value = try field.variant()
                switch code {
                case Field.errorName:
                    found.error = try value.read("s") { (bytes) throws(SystemdError) in try bytes.string() }
                case Field.replySerial:
                    found.serial =
                        try value.read("u") { (bytes) throws(SystemdError) in try bytes.number(as: UInt32.self) } ?? 0
                case Field.signature:
                    found.signature =
                        try value.read("g") { (bytes) throws(SystemdError) in Array(try bytes.signature()) } ?? []
                default: break
                }
            }
        }
        serial = found.serial
        signature = found.signature
        error = bytes[1] == Self.methodError ? found.error ?? "" : nil
    }

    /// Calls `body` with the values, where they are of this type.
    func read<R>(
        _ type: StaticString, _ body: (inout DBusBytes) throws(SystemdError) -> R
    ) throws(SystemdError) -> R {
        guard signature.elementsEqual(UnsafeBufferPointer(start: type.utf8Start, count: type.utf8CodeUnitCount)) else {
            throw .malformed
        }
        return try Self.read(bytes, bodyOffset..<bytes.count, body)
    }

    private static func read<R>(
        _ bytes: [UInt8], _ range: Range<Int>, _ body: (inout DBusBytes) throws(SystemdError) -> R
    ) throws(SystemdError) -> R {
        try bytes.withUnsafeBufferPointer { (all) throws(SystemdError) in
            var part = DBusBytes(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: all[range])))
            return try body(&part)
        }
    }

    // MARK: - From a connection

    /// Bytes in a message at most: a hundred times what the properties of a unit take.
    private static let maximumSize = 16 << 20
    /// Memory is taken for so many bytes at once, whatever size a message claims.
    private static let chunk = 64 << 10

    /// Waits for the next message.
    ///
    /// - Parameter connection: At the beginning of a message.
    /// - Returns: Nil where the message answers no call.
    static func next(
        on connection: Int32, before deadline: Deadline
    ) throws(SystemdError) -> BusAnswer? {
        var bytes: [UInt8] = []
        try fill(&bytes, to: fixedLength, connection, deadline)
        let size = try size(of: bytes)
        try fill(&bytes, to: size.header + size.body, connection, deadline)
        return try BusAnswer(bytes)
    }

    /// The size of the header and of the body, as the header's fixed part has them.
    private static func size(of bytes: [UInt8]) throws(SystemdError) -> (header: Int, body: Int) {
        let isLittle = UInt16(1).littleEndian == 1
        guard bytes.count >= fixedLength, bytes[0] == UInt8(ascii: isLittle ? "l" : "B"), bytes[3] == 1 else {
            throw .malformed
        }
        let (body, fields) = bytes.withUnsafeBytes {
            (
                Int($0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)),
                Int($0.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
            )
        }
        guard body + fields <= maximumSize else { throw .failed("read a message", code: EMSGSIZE) }
        return ((fixedLength + fields + 7) & ~7, body)
    }

    private static func fill(
        _ bytes: inout [UInt8], to count: Int, _ connection: Int32, _ deadline: Deadline
    ) throws(SystemdError) {
        while bytes.count < count {
            // Also where bytes never cease to come.
            _ = try timeLeft(before: deadline)
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: min(count - start, chunk)))
            let received = bytes.withUnsafeMutableBytes { all in
                let rest = UnsafeMutableRawBufferPointer(rebasing: all[start...])
                return retryingOnInterrupt { recv(connection, rest.baseAddress, rest.count, Int32(MSG_DONTWAIT)) }
            }
            let code = errno
            bytes.removeLast(bytes.count - start - max(0, received))
            if received > 0 { continue }
            if received == 0 { throw .failed("read a message", code: ECONNRESET) }
            guard code == EAGAIN else { throw .failed("read a message", code: code) }
            // Whatever ends it early, the loop looks again with what is left of the time.
            try wait(for: POLLIN, on: connection, before: deadline)
        }
    }

    /// Waits for an event of poll(2); false where something else has ended the wait.
    @discardableResult
    static func wait(
        for event: Int32, on connection: Int32, before deadline: Deadline
    ) throws(SystemdError) -> Bool {
        let left = try timeLeft(before: deadline)
        var descriptor = pollfd(fd: connection, events: Int16(event), revents: 0)
        return poll(&descriptor, 1, left) > 0
    }

    /// Milliseconds, one at least.
    static func timeLeft(before deadline: Deadline) throws(SystemdError) -> Int32 {
        guard !deadline.hasPassed else { throw .failed("wait for systemd", code: ETIMEDOUT) }
        return max(1, deadline.remaining.pollTimeout)
    }
}
