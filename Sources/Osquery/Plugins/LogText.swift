package import Thrift

/// Text from osqueryd exactly as it came: bytes, mostly JSON, which need not be UTF-8.
///
/// It refers to the message that brought it, so that a snapshot of many megabytes is not copied on its way to a plugin.
public struct LogText: Sendable, CustomStringConvertible {
    package let bytes: ByteSlice

    package init(_ bytes: ByteSlice) {
        self.bytes = bytes
    }

    /// A copy of `text`.
    public init(_ text: String) {
        bytes = ByteSlice(text)
    }

    /// Bytes that there are.
    public var count: Int { bytes.count }

    /// The text; what is no UTF-8 becomes U+FFFD.
    public var description: String { bytes.string }

    /// Calls `body` with the bytes, without a copy.
    public func withBytes<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try bytes.withBytes(body)
    }
}
