package import Thrift

/// A value in a request of osqueryd, exactly as it came: bytes, mostly JSON, which need not be UTF-8.
///
/// It refers to the message that it came in, so that a snapshot of many megabytes is not copied on its way to a plugin.
///
/// ```swift
/// func logString(_ text: RequestValue) throws {
///     try file.write(contentsOf: text.bytes)
/// }
/// ```
public struct RequestValue: Sendable {
    package let slice: ByteSlice

    package init(_ slice: ByteSlice) {
        self.slice = slice
    }

    /// A value with a copy of `text`, for tests of a plugin.
    public init(_ text: String) {
        slice = ByteSlice(text)
    }

    /// A value with a copy of `bytes`, for tests of a plugin.
    public init(_ bytes: [UInt8]) {
        slice = ByteSlice(bytes)
    }

    /// How many bytes the value has.
    public var count: Int { slice.count }

    /// The value as text. Bytes that are not UTF-8 become U+FFFD.
    public var string: String { slice.string }

    /// A copy of the bytes. ``withBytes(_:)`` does without one.
    public var bytes: [UInt8] {
        withBytes { $0.withUnsafeBytes { [UInt8]($0) } }
    }

    /// Calls `body` with the bytes, without a copy. They must not be used after `body` returns, which the compiler checks.
    public func withBytes<R, E>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try slice.withBytes(body)
    }
}

extension RequestValue: CustomStringConvertible, ExpressibleByStringLiteral, Equatable {
    /// The value as text, as ``string`` has it.
    public var description: String { string }

    /// A value with the bytes of a string literal, for tests of a plugin.
    public init(stringLiteral text: String) {
        self.init(text)
    }

    /// Whether two values have the same bytes.
    public static func == (one: RequestValue, other: RequestValue) -> Bool {
        one.slice.count == other.slice.count && one.bytes == other.bytes
    }
}
