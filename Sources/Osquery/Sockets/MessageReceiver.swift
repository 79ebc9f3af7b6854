import CLinux
import Glibc
import SystemCalls
package import Thrift

/// A message as it was received.
package struct Message: Sendable {
    package let header: MessageHeader
    /// All of it, header included.
    package let bytes: ByteSlice

    package var name: ByteSlice { bytes[header.name] }
    /// A reader at the beginning of the argument or result struct.
    package var body: ThriftReader { ThriftReader(bytes, at: header.body) }
}

/// Why no further message came.
enum ReceiveError: Error {
    /// The peer closed the connection, perhaps in the middle of a message.
    case closed
    case timedOut
    /// The descriptor given as `interrupt` became readable.
    case interrupted
    case failed(SystemError)
    /// What came is no message; its header, where that much could be read.
    case malformed(ThriftError, MessageHeader?, name: ByteSlice?)
}

/// Receives messages into memory that is used again for the next one, unless somebody has kept a slice of it.
struct MessageReceiver: ~Copyable {
    /// What holds most messages, and is kept between them.
    private static let usualCapacity = 4 << 10
    /// A buffer that grew beyond this is given back after its message.
    private static let keptCapacity = 64 << 10

    /// Room that a length may claim at once. More is made as more comes.
    private static let trustedCapacity = 256 << 10

    private var buffer = ByteBuffer(capacity: usualCapacity)
    private let spare: SpareBuffer?
    /// Bytes at the buffer's beginning that belong to the message handed out last.
    private var consumed = 0

    /// - Parameter spare: Where the memory of large messages comes from and goes to.
    init(spare: SpareBuffer? = nil) {
        self.spare = spare
    }

    /// Forgets what another connection left.
    mutating func reset() {
        consumed = buffer.count
        recycle()
    }

    /// Waits for the next message of `connection`.
    ///
    /// - Parameters:
    ///   - deadline: When to give up; without one it waits until the connection ends.
    ///   - interrupt: A descriptor that ends the waiting when it is readable; heeded only together with a deadline.
    mutating func next(
        from connection: Int32, by deadline: Deadline? = nil, interrupt: Int32? = nil
    ) throws(ReceiveError) -> Message {
        recycle()
        var scanner = MessageScanner()
        while true {
            if buffer.count >= scanner.needed {
                if let length = try scan(&scanner) {
                    consumed = length
                    return Message(header: scanner.header!, bytes: buffer[0..<length])
                }
            }
            if let deadline { try Self.wait(for: connection, by: deadline, interrupt: interrupt) }
            try fill(from: connection, needed: scanner.needed)
        }
    }

    private func scan(_ scanner: inout MessageScanner) throws(ReceiveError) -> Int? {
        do {
            return try buffer.withBytes { (bytes) throws(ThriftError) in try scanner.scan(bytes) }
        } catch {
            throw .malformed(error, scanner.header, name: scanner.header.map { buffer[$0.name] })
        }
    }

    /// Reads what is there. Room grows with what has come, not with what a length claims will come.
    private mutating func fill(from connection: Int32, needed: Int) throws(ReceiveError) {
        if needed > buffer.capacity || buffer.count == buffer.capacity { grow(needed) }
        var result = 0
        buffer.append { room in
            result = retryingOnInterrupt { recv(connection, room.baseAddress, room.count, 0) }
            return max(result, 0)
        }
        if result == 0 { throw .closed }
        if result < 0 { throw errno == ECONNRESET ? .closed : .failed(SystemError("receive from", "a connection")) }
    }

    private mutating func grow(_ needed: Int) {
        let wanted = max(needed, buffer.count + 1)
        if wanted > Self.keptCapacity, let larger = spare?.take(wanted) {
            larger.append(buffer[0..<buffer.count])
            buffer = larger
        } else {
            buffer.reserve(min(wanted, max(4 * buffer.capacity, Self.trustedCapacity)))
        }
    }

    /// Makes the buffer ready for the next message; what of that came already is kept.
    private mutating func recycle() {
        if buffer.capacity <= Self.keptCapacity && isKnownUniquelyReferenced(&buffer) {
            buffer.removeFirst(consumed)
        } else {
            let used = buffer
            buffer = ByteBuffer(capacity: max(Self.usualCapacity, used.count - consumed))
            buffer.append(used[consumed..<used.count])
            spare?.keep(consume used)
        }
        consumed = 0
    }

    private static func wait(
        for connection: Int32, by deadline: Deadline, interrupt: Int32?
    ) throws(ReceiveError) {
        var descriptors = [pollfd(fd: connection, events: Int16(POLLIN), revents: 0)]
        if let interrupt { descriptors.append(pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0)) }
        let result = retryingOnInterrupt {
            Int(poll(&descriptors, nfds_t(descriptors.count), deadline.remaining.pollTimeout))
        }
        if result < 0 { throw .failed(SystemError("wait for", "a connection")) }
        if result == 0 { throw .timedOut }
        if descriptors.count > 1 && descriptors[1].revents != 0 { throw .interrupted }
    }
}
