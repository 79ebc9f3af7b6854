import Glibc
import Osquery

/// osqueryd's configuration, out of the files of a folder. osqueryd --config_plugin=folder
struct FolderConfig: ConfigPlugin {
    let name = "folder"
    let path: String

    func genConfig() async throws -> [String: String] {
        ["main": try text(of: "osquery.conf")]
    }

    /// In the configuration: "packs": {"linux": "linux.conf"}
    func genPack(name: String, value: String) async throws -> String {
        guard !value.contains("/") else { throw Missing(file: value) }
        return try text(of: value)
    }

    private func text(of file: String) throws -> String {
        guard let stream = fopen("\(path)/\(file)", "r") else { throw Missing(file: file) }
        defer { fclose(stream) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&part, 1, part.count, stream), count > 0 { text += part[..<count] }
        return String(decoding: text, as: UTF8.self)
    }
}

struct Missing: Error, CustomStringConvertible {
    let file: String
    var description: String { "The folder has no file “\(file)”." }
}

@main
struct Main {
    static func main() {
        let path = getenv("CONFIG_FOLDER").map { String(cString: $0) } ?? "/etc/osquery"
        OsqueryExtension(name: "folder_config", version: "1.0.0", plugins: [FolderConfig(path: path)]).main()
    }
}
