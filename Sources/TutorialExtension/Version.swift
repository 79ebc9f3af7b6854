/// The version, in one place.
enum Version {
    static let current = "0.2.0"

    /// What `--version` prints: the version, and with what it was built.
    static var text: String {
        let traits = GistNames.names.isEmpty ? "none" : "Gist"
        return "\(current) (package traits: \(traits))"
    }
}
