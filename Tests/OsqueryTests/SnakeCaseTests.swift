import Testing

@testable import Osquery

@Suite struct SnakeCaseTests {
    @Test(arguments: [
        ("mainPid", "main_pid"), ("userID", "user_id"), ("parentPID", "parent_pid"), ("sourceURL", "source_url"),
        ("SHA256Hash", "sha256_hash"), ("ipv4Address", "ipv4_address"), ("URLPath", "url_path"),
        ("already_there", "already_there"),
        ("aB", "a_b"), ("Name", "name"), ("a_B", "a_b"), ("größeÄ", "größeÄ"), ("", ""), ("_id", "_id"),
    ])
    func propertiesAreColumnsInSnakeCase(property: String, column: String) {
        #expect(property.snakeCased == column)
    }
}
