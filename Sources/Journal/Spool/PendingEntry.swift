/// An entry that is not on the disk yet.
struct PendingEntry: Sendable {
    /// When it was received, in microseconds since 1970.
    let received: UInt64
    /// Its fields in Journal Export Format.
    let body: [UInt8]
}
