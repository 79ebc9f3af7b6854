import Glibc

/// This process's environment variables.
enum Environment {
    /// A variable's value; nil where it is not set or empty.
    static subscript(variable: Variable) -> String? { value(variable.rawValue) }

    /// The value of the variable of this name; nil where it is not set or empty.
    static func value(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
