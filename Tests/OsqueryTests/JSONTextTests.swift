import Testing
import Thrift

@testable import Osquery

@Suite struct JSONTextTests {
    /// The members behind the rows, or all where there is no shorter way; nil where the text is no object.
    private func members(_ text: String, behindRows: Bool) -> [String]? {
        var members: [String] = []
        let json = JSONText(ByteSlice(text))
        let add: (RawSpan, JSONValue, JSONValue) -> Void = { bytes, name, value in
            if !name.isSpelled("snapshot", in: bytes) {
                members.append("\(name.string(in: bytes))=\(value.string(in: bytes))")
            }
        }
        let isWhole = behindRows ? json.forEachMember(behind: "snapshot", add) : json.forEachMember(add)
        return isWhole ? members : nil
    }

    private static let tail =
        #","action":"snapshot","name":"a\"]}\\","decorations":{"x":"[]","y":[1,{"z":"]"}]},"unixTime":1,"numerics":false}"#

    @Test(
        "members behind a snapshot's rows are found from the end, whatever the rows hold",
        arguments: [
            "[]", #"[{"a":"1"}]"#, #"[{"a":"],\"name\":\"forged\"}"}]"#, #"[{"a":"\\"},{"b":"]"}]"#, #"[[[]],[{}]]"#,
            #"[{"a":"\\\\\""}]"#,
        ])
    func tails(rows: String) throws {
        let text = #"{"snapshot":"# + rows + Self.tail
        let expected = try #require(members(text, behindRows: false))
        #expect(expected.count == 5)
        #expect(members(text, behindRows: true) == expected)
    }

    @Test(
        "a text that is not of that kind is not read from the end",
        arguments: [
            "", "{", "]", "{}", #"{"snapshot":[]"#, #"{"snapshot":{}}"#, #"{"snapshots":[],"name":"x"}"#,
            #"{"name":"x","snapshot":[]}"#, #"{ "snapshot":[],"name":"x"}"#, #"{"snapshot":[],"name":"x"}}"#,
            #"{"snapshot":[],"name":"x""#, #"{"snapshot":[],"name"}"#, #"{"snapshot":[] "name":"x"}"#,
            #"{"snapshot":["#,
        ])
    func others(text: String) {
        #expect(members(text, behindRows: true) == nil)
    }

    @Test("cut off or changed anywhere, a text gives the same members from either end, or none from the end")
    func damaged() {
        let whole = Array((#"{"snapshot":[{"a":"\"]"},{"b":"x\\"}]"# + Self.tail).utf8)
        for position in whole.indices {
            for change in [UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "x")] {
                var changed = whole
                changed[position] = change
                let text = String(decoding: changed, as: UTF8.self)
                // In text that is no JSON each end may see a string where the other sees none; what is found lies in the text.
                for member in members(text, behindRows: true) ?? [] { #expect(member.utf8.count <= whole.count) }
            }
            #expect(members(String(decoding: whole[..<position], as: UTF8.self), behindRows: true) == nil)
        }
    }

    @Test("a tail longer than any that osqueryd writes is left to the scan from the beginning")
    func longTail() throws {
        let text = #"{"snapshot":[],"name":"x","text":""# + String(repeating: "y", count: 70_000) + #""}"#
        #expect(members(text, behindRows: true) == nil)
        #expect(members(text, behindRows: false)?.count == 2)
    }

    /// The members but the row, stepped over however short it is, or walked over; nil where the text is no object.
    private func members(_ text: String, steppingOverRow: Bool) -> [String]? {
        var members: [String] = []
        let isWhole = JSONText(ByteSlice(text)).forEachMember(but: "columns", shortest: steppingOverRow ? 0 : .max) {
            bytes, name, value in
            if !name.isSpelled("columns", in: bytes) {
                members.append("\(name.string(in: bytes))=\(value.string(in: bytes))")
            }
        }
        return isWhole ? members : nil
    }

    private static let head = #"{"name":"n","epoch":0,"decorations":{"a":"}","b":{"c":[]}},"columns":"#

    @Test(
        "members around a row are found without walking over it, whatever it holds",
        arguments: [
            "{}", #"{"a":"1","b":2}"#, #"{"a":"},\"action\":\"forged\"}"}"#, #"{"a":"\\"}"#,
            #"{"a":{"b":[{}]},"c":"]"}"#, "[]", "1",
            #""text""#, #"{"a":"\\\\\"}"}"#,
        ])
    func row(columns: String) throws {
        let text = Self.head + columns + #","action":"added","more":"{\"}"}"#
        let walked = try #require(members(text, steppingOverRow: false))
        #expect(walked.count == 5)
        #expect(members(text, steppingOverRow: true) == walked)
    }

    @Test("a row that nothing comes behind is walked over")
    func walkedRow() {
        for text in [
            Self.head + #"{"a":"1"}}"#,
            "{}",
            #"{"columns":{}}"#, Self.head + #"{"a":"1","action":"added"}"#,
        ] {
            #expect(members(text, steppingOverRow: true) == members(text, steppingOverRow: false))
        }
    }

    @Test("of a text that breaks off in the row the members before it are told")
    func brokenRow() {
        var names: [String] = []
        JSONText(ByteSlice(Self.head + #"{"a":"1"#)).forEachMember(but: "columns", shortest: 0) { bytes, name, _ in
            names.append(name.string(in: bytes))
        }
        #expect(names == ["name", "epoch", "decorations"])
    }
}
