import Foundation
import Osquery

/// Reads osqueryd's configuration from the files of a directory. osqueryd --config_plugin=folder
struct FolderConfig: ConfigPlugin {
    let name = "folder"
    let path = ProcessInfo.processInfo.environment["CONFIG_FOLDER"] ?? "/etc/osquery"

    func genConfig() throws -> [String: String] {
        ["main": try text(of: "osquery.conf")]
    }

    /// In the configuration: "packs": {"linux": "linux.conf"}
    func genPack(name: String, value: String) throws -> String {
        guard !value.contains("/") else { throw Missing(file: value) }
        return try text(of: value)
    }

    private func text(of file: String) throws -> String {
        guard let text = try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8) else {
            throw Missing(file: file)
        }
        return text
    }
}

struct Missing: LocalizedError {
    let file: String
    var errorDescription: String? { "The directory has no readable file “\(file)”." }
}

@main
struct Main {
    static func main() {
        OsqueryExtension(name: "folder_config", version: "1.0.0", plugins: [FolderConfig()]).main()
    }
}
