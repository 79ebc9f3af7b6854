import Foundation
import OsqueryTesting
import Testing

@testable import Osquery

private struct Declared: TablePlugin {
    var name = "declared"
    var columns = [Column("a", .text)]
    var aliases: [String] = []
    var primaryKey: [String] = []

    func generate(_ query: QueryContext) -> [TableRow] { [] }
}

private struct NamedConfig: ConfigPlugin {
    let name: String

    func genConfig() -> [String: String] { [:] }
}

@Suite struct PluginCheckTests {
    private func refusal(_ plugins: any ExtensionPlugin...) -> PluginError? {
        do throws(PluginError) {
            try plugins.checkNames()
            return nil
        } catch {
            return error
        }
    }

    @Test func twoPluginsOfOneNameAreRefusedInOneRegistryOnly() {
        let twice = refusal(Declared(), Declared())
        #expect(twice?.code == .duplicateName)
        #expect(twice?.description == "Two table plugins are named “declared”. Rename one of them.")
        #expect(refusal(Declared(), Declared(name: "b", aliases: ["declared"]))?.code == .duplicateName)
        #expect(refusal(Declared(), NamedConfig(name: "declared")) == nil)
        #expect(refusal(NamedConfig(name: "x"), NamedConfig(name: "x"))?.code == .duplicateName)
    }

    @Test(arguments: ["", "Planets", "my table", "a-b", "plänets", "1st", "a`b"])
    func aTableThatSQLCannotNameIsRefused(name: String) {
        #expect(refusal(Declared(name: name))?.code == .invalidName)
        #expect(refusal(Declared(aliases: [name]))?.code == .invalidName)
    }

    @Test func aTableNamedByAKeywordIsRefused() {
        #expect(
            refusal(Declared(name: "group"))?.description
                == "The name “group” of a table is a keyword of SQL. Give the table another name.")
        #expect(refusal(Declared(aliases: ["order"]))?.code == .invalidName)
        // Keywords that SQLite takes for names all the same, and columns, which osqueryd quotes.
        #expect(refusal(Declared(name: "key"), Declared(columns: [Column("group", .text)])) == nil)
    }

    @Test func aTableThatSQLiteCannotMakeIsRefused() {
        #expect(refusal(Declared(name: "sqlite_x"))?.code == .invalidName)
        #expect(
            refusal(Declared(columns: []))?.description == "The table “declared” has 0 columns. SQLite takes 1 to 2000."
        )
        let columns = (0...2000).map { Column("c\($0)", .text) }
        #expect(refusal(Declared(columns: columns))?.code == .invalidColumn)
        #expect(refusal(Declared(columns: Array(columns.dropLast()))) == nil)
    }

    @Test func aTestRefusesThemToo() async throws {
        let manager = try TestManager()
        defer { manager.stop() }
        await #expect(throws: PluginError.self) { try await manager.register([Declared(name: "Group")]) }
        #expect(manager.extensions.isEmpty)
    }

    @Test(arguments: ["", "mainPid", "a b", "a`b", "größe", "rowid"])
    func aColumnThatOsqueryCannotNameIsRefused(name: String) throws {
        for column in [Column(name, .text), Column("b", .text, aliases: [name])] {
            let error = try #require(refusal(Declared(columns: [column])))
            #expect(error.code == .invalidColumn)
            #expect(error.description.contains("“declared”") && error.description.contains("“\(name)”"))
        }
    }

    @Test func aRefusalNamesTheRemedy() {
        #expect(
            refusal(Declared(columns: [Column("mainPID", .text)]))?.description
                == "The table “declared” has a column named “mainPID”. Name it with lower-case letters a to z, digits and "
                + "underscores: “main_pid”.")
    }

    @Test func columnsThatAreDeclaredTwiceAreRefused() {
        #expect(refusal(Declared(columns: [Column("a", .text), Column("a", .integer)]))?.code == .duplicateColumn)
        #expect(
            refusal(Declared(columns: [Column("a", .text), Column("b", .text, aliases: ["a"])]))?.code
                == .duplicateColumn)
        #expect(refusal(Declared(columns: [Column("a", .text, aliases: ["b", "b"])]))?.code == .duplicateColumn)
    }

    @Test func aPrimaryKeyIsMadeOfDeclaredColumns() {
        #expect(refusal(Declared(primaryKey: ["b"]))?.code == .unknownKeyColumn)
        #expect(refusal(Declared(primaryKey: ["a"])) == nil)
    }

    @Test func anExtensionWithSuchPluginsDoesNotStart() throws {
        let options = try #require(ExtensionOptions(spelledAsByOsqueryd: ["--socket", "/nonexistent/osquery.em"]))
        let broken = OsqueryExtension(name: "broken", version: "1", plugins: [Declared(), Declared()])
        do throws(ExtensionError) {
            try broken.run(options)
            Issue.record("It has run.")
        } catch {
            #expect(error.code == .invalidPlugins)
            #expect(error.underlyingError as? PluginError == refusal(Declared(), Declared()))
        }
    }

    @Test func aPropertyWithoutAColumnIsRefusedWhereARowCanBeAskedForIt() {
        let error = refusal(Mapped(columns: [Column("kind", .text), Column("user_id", .bigint)]))
        #expect(error?.code == .unknownColumn)
        #expect(
            error?.description
                == "A row of the table “mapped” has a property “lastSeen” for a column “last_seen”, which the table does not "
                + "declare; it declares kind, user_id.")
        let columns = ["kind", "user_id", "path", "size", "is_open", "bytes", "last_seen", "note"].map {
            Column($0, .text)
        }
        #expect(refusal(Mapped(columns: columns)) == nil)
        #expect(refusal(Mapped(columns: columns.dropLast()))?.description.contains("“note”") == true)
    }
}

private struct Mapped: TablePlugin {
    struct Row: Codable {
        enum Kind: String, Codable, CaseIterable { case plain }

        var kind: Kind
        var userID: Int64?
        var lastSeen: Date
        var path: String
        var size: UInt64
        var isOpen: Bool
        var bytes: [UInt8]
        var note: String?
    }

    let name = "mapped"
    let columns: [Column]

    func generate(_ query: QueryContext) -> [Row] { [] }
}
