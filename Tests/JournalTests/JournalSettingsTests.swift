import Testing

@testable import Journal

@Suite struct JournalSettingsTests {
    private func settings(_ variables: [String: String]) -> (JournalSettings, [String]) {
        var complaints: [String] = []
        let settings = JournalSettings(environment: { variables[$0] }, complain: { complaints.append($0) })
        return (settings, complaints)
    }

    @Test("without variables the defaults hold")
    func defaults() {
        let (settings, complaints) = settings([:])
        #expect(settings.wait == 5000)
        #expect(settings.spool == "/var/lib/tutorial-extension")
        #expect(settings.spoolLimit == 512 << 20)
        #expect(complaints.isEmpty)
    }

    @Test("the spool's own variable goes before systemd's, of which the first folder counts")
    func folders() {
        #expect(settings(["STATE_DIRECTORY": "/var/lib/a:/var/lib/b"]).0.spool == "/var/lib/a")
        #expect(settings(["STATE_DIRECTORY": "/var/lib/a", "OSQUERY_JOURNAL_SPOOL": "/b"]).0.spool == "/b")
    }

    @Test(
        "what has no meaning is said, and the default holds",
        arguments: [
            ("OSQUERY_JOURNAL_WAIT", "soon"), ("OSQUERY_JOURNAL_WAIT", "-1"), ("OSQUERY_JOURNAL_WAIT", "nan"),
            ("OSQUERY_JOURNAL_WAIT", "1e9"), ("OSQUERY_JOURNAL_SPOOL", "here"), ("OSQUERY_JOURNAL_SPOOL_MAX", "1T"),
            ("OSQUERY_JOURNAL_SPOOL_MAX", "M"), ("OSQUERY_JOURNAL_SPOOL_MAX", "-1"),
            ("OSQUERY_JOURNAL_SEQUENCE", "yes"),
        ])
    func nonsense(name: String, value: String) {
        let (settings, complaints) = settings([name: value])
        #expect(
            settings.wait == 5000 && settings.spool == "/var/lib/tutorial-extension" && settings.spoolLimit == 512 << 20
        )
        #expect(complaints.count == 1 && complaints[0].contains(value))
    }

    @Test(
        "bytes may be counted in powers of 1024",
        arguments: [("4096", 4096), ("64K", 64 << 10), ("8M", 8 << 20), ("2G", 2 << 30)])
    func bytes(text: String, expected: Int) {
        #expect(settings(["OSQUERY_JOURNAL_SPOOL_MAX": text]).0.spoolLimit == expected)
    }
}
