@testable import Thrift

/// A message that arrives in pieces is found to be what it is when it arrives whole; one that is found whole can be read.
func fuzzThrift(_ input: UnsafeRawBufferPointer) {
    guard let step = input.first.map({ Int($0) + 1 }) else { return }
    let bytes = ByteSlice(Array(input.dropFirst()))
    let whole = scan(bytes, step: bytes.count)
    let pieces = scan(bytes, step: step)
    precondition(whole == pieces, "In pieces it is another message.")
    guard case .length(let length) = whole else { return }
    precondition(length <= bytes.count)
    var scanner = MessageScanner()
    guard (try? bytes.withBytes { try scanner.scan($0) }) == length, let header = scanner.header else {
        preconditionFailure("It was found whole before.")
    }
    precondition(header.name.upperBound <= header.body && header.body <= length)
    var reader = ThriftReader(bytes[0..<length], at: header.body)
    do {
        try reader.readStruct { _, _, _ in false }
    } catch {
        preconditionFailure("It was found whole, and cannot be read: \(error)")
    }
    precondition(reader.offset == length)
}

private enum Found: Equatable {
    case length(Int)
    case incomplete
    case error(ThriftError)
}

private func scan(_ bytes: ByteSlice, step: Int) -> Found {
    var scanner = MessageScanner()
    var arrived = 0
    repeat {
        arrived = min(bytes.count, arrived + max(step, 1))
        guard scanner.needed <= arrived else { continue }
        do {
            if let length = try bytes[0..<arrived].withBytes({ try scanner.scan($0) }) { return .length(length) }
        } catch let error as ThriftError {
            return .error(error)
        } catch {
            preconditionFailure("\(error)")
        }
        precondition(scanner.needed > arrived, "It waits for bytes that are here.")
    } while arrived < bytes.count
    return .incomplete
}
