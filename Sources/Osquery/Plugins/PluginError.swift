/// Why plugins cannot be registered as they are.
public struct PluginError: Error, Equatable, CustomStringConvertible {
    /// A kind of failure. More may come, so a `switch` over codes has a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name.
        public let description: String

        /// Two plugins of one registry have the same name.
        public static let duplicateName = Code(description: "duplicateName")
        /// A plugin's name, or another name of a table, is not one that osqueryd can use.
        public static let invalidName = Code(description: "invalidName")
        /// A table has two columns of the same name.
        public static let duplicateColumn = Code(description: "duplicateColumn")
        /// A column's name is not one that osqueryd can use.
        public static let invalidColumn = Code(description: "invalidColumn")
        /// A row of a table has a property without a declared column.
        public static let unknownColumn = Code(description: "unknownColumn")
        /// ``TablePlugin/primaryKey`` names a column that the table does not declare.
        public static let unknownKeyColumn = Code(description: "unknownKeyColumn")
    }

    /// The kind of failure.
    public let code: Code
    /// What is wrong and what to do, as sentences.
    public let description: String
}

extension ExtensionError.Code {
    /// The plugins cannot be registered as they are; ``ExtensionError/underlyingError`` is a ``PluginError``.
    public static let invalidPlugins = ExtensionError.Code(description: "invalidPlugins")
}

extension ExtensionError {
    static func invalidPlugins(_ error: PluginError) -> ExtensionError {
        ExtensionError(code: .invalidPlugins, underlyingError: error, description: error.description)
    }
}
