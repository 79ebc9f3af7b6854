public import Osquery

/// Why ``TestManager`` could not do what a test asked for.
public struct TestManagerError: Error, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// The stand-in cannot listen, or cannot serve plugins; ``TestManagerError/underlyingError`` tells why.
        public static let notStarted = Code(description: "notStarted")
        /// No extension has registered.
        public static let noExtension = Code(description: "noExtension")
        /// No extension has registered a table of this name.
        public static let noSuchTable = Code(description: "noSuchTable")
        /// The plugin answered with a status other than 0, which is ``TestManagerError/status``.
        public static let failed = Code(description: "failed")
        /// The answer is not one that osqueryd understands.
        public static let badAnswer = Code(description: "badAnswer")
        /// A row, a constraint or a request names a column that the table does not declare.
        public static let unknownColumn = Code(description: "unknownColumn")
        /// A value is not one of its column's type.
        public static let wrongValue = Code(description: "wrongValue")
        /// The table refused a change because it cannot be changed.
        public static let readOnly = Code(description: "readOnly")
        /// The table refused a change because of a constraint.
        public static let constraint = Code(description: "constraint")
        /// The table could not make a change; the description has its message.
        public static let changeFailed = Code(description: "changeFailed")
    }

    /// The kind of failure.
    public let code: Code
    /// What went wrong, as a sentence.
    public let description: String
    /// The status that the plugin answered with, where it ``Code/failed``.
    public let status: ExtensionStatus?
    /// The error that made this one, where there is one.
    public let underlyingError: (any Error)?

    init(
        _ code: Code, _ description: String, status: ExtensionStatus? = nil, underlyingError: (any Error)? = nil
    ) {
        self.code = code
        self.description = description
        self.status = status
        self.underlyingError = underlyingError
    }

    static func notStarted(_ error: any Error, at path: String) -> TestManagerError {
        TestManagerError(
            .notStarted, "The stand-in for osqueryd cannot listen at \(path): \(error)", underlyingError: error)
    }

    static var noExtension: TestManagerError {
        TestManagerError(.noExtension, "No extension has registered. Call register(_:as:) first, or start one.")
    }
}
