/// An entry of the spool, as a row of its database.
struct SpooledEntry: Sendable, Equatable {
    /// Rows are numbered one after the other, in the order in which they were received.
    let number: Int64
    /// When it was received, in microseconds since 1970.
    let received: UInt64
    /// Its fields in Journal Export Format: see ``ExportFormat``.
    let body: [UInt8]

    /// Bytes on top of the body that a row takes, about.
    static let overhead = 32

    /// The checksum of a row.
    ///
    /// FNV-1a over words of 8 bytes: each step is reversible, so a change of any one word always shows.
    ///
    /// - Parameter salt: The database's, so that bytes of a value that look like a row of another database are none of this one.
    static func checksum(salt: UInt64, number: Int64, received: UInt64, body: RawSpan) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ word: UInt64) {
            hash = (hash ^ word) &* 0x100_0000_01B3
            hash = hash << 29 | hash >> 35
        }
        for word in [salt, UInt64(bitPattern: number), received, UInt64(body.byteCount)] { add(word) }
        var offset = 0
        while offset + 8 <= body.byteCount {
            add(body.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < body.byteCount {
            add(UInt64(body.unsafeLoad(fromByteOffset: offset, as: UInt8.self)))
            offset += 1
        }
        return Int64(bitPattern: hash)
    }
}
