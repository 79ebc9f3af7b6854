/// The one place where the version stands.
enum Version {
    static let current = "0.1.0"
}
