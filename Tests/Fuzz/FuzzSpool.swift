import CSystemd
import Glibc

@testable import Journal

/// A spool file that holds anything, and an entry behind it: nothing is read that is no entry, and the last one is found.
func fuzzSpool(_ input: UnsafeRawBufferPointer) {
    // Checksums keep a fuzzer out of what lies behind them.
    var body = Array(input)
    body.withUnsafeMutableBytes { bytes in
        SpoolEntry.withFields(of: bytes) { fields in
            for field in fields.dropLast() { precondition(field.iov_len <= input.count) }
        }
    }
    _ = SpoolEntry.timestamp(of: Array(input))

    unlink("\(folder)/replayed")
    let last = SpoolEntry.head(number: UInt64(Int64.max), body: lastBody)
    let file = open("\(folder)/\(SpoolDirectory.segmentName(1))", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    for part in [Array(input), last, lastBody] {
        guard write(file, part, part.count) == part.count else { fatalError("There is no room in \(folder).") }
    }
    close(file)
    do {
        let spool = Spool(path: folder, limit: 1 << 30, report: { _ in })
        guard try spool.open() else { preconditionFailure("There is a segment.") }
        var reader = SpoolReader(spool)
        try reader.open()
        var isLastFound = false
        reading: while true {
            switch try reader.next() {
            case .entry(let number, let body): isLastFound = number == UInt64(Int64.max) && body == lastBody
            case .damaged(let count, let file):
                precondition(count > 0 && count <= input.count)
                unlink(file)
            case .caughtUp: break reading
            }
        }
        precondition(isLastFound, "What stands before an entry hides it.")
    } catch {
        preconditionFailure("\(error)")
    }
}

private let lastBody = Array("__REALTIME_TIMESTAMP=1\n_BOOT_ID=0\nMESSAGE=last\n\n".utf8)

private let folder: String = {
    var name = Array("/dev/shm/fuzz-spool-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { fatalError("No folder can be made in /dev/shm.") }
    let folder = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    return folder
}()
