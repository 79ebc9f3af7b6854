import Testing

@testable import Journal

@Suite struct PaceTests {
    @Test("journald.conf(5) is read: sections, comments, spaces, units and what makes no sense")
    func configuration() {
        var configuration = JournaldConfiguration()
        configuration.read(
            text: "[Journal]\n# RateLimitBurst=1\n RateLimitBurst = 500 \nRateLimitIntervalSec=1min 30s\nx\n")
        #expect(configuration.rateLimitBurst == 500 && configuration.rateLimitInterval == 90)
        configuration.read(text: "RateLimitBurst=many\nRateLimitIntervalSec=500ms")
        #expect(configuration.rateLimitBurst == 500 && configuration.rateLimitInterval == 0.5)
        configuration.read(text: "RateLimitBurst=\nRateLimitIntervalSec=0")
        #expect(configuration.rateLimitBurst == 10_000 && configuration.rateLimitInterval == 0)
    }

    @Test("sizes have powers of 1024", arguments: [("1024", 1024), ("4K", 4096), ("1.5G", 1 << 30), ("x", nil)])
    func sizes(text: String, bytes: Int?) {
        #expect(JournaldConfiguration.bytes(Substring(text)) == bytes)
    }

    @Test(
        "journald's burst grows with what is left for the journal",
        arguments: [(0, 1000), (1 << 20, 1000), (16 << 20, 2000), (256 << 20, 3000), (4 << 30, 4000)])
    func modulation(available: Int, burst: Int) {
        #expect(RateLimit.modulated(1000, available: available) == burst)
    }

    @Test("in no interval more than half of the rate limit is sent")
    func half() {
        let pace = Pace(RateLimit(interval: 30, burst: 10_000))
        let rate = pace.rate ?? 0
        #expect(rate * 30 + max(1, rate * 0.1) <= 5000 && rate * 30 > 4900)
        #expect(Pace(nil).rate == nil)
    }

    @Test("what does not arrive slows the replay down, and what arrives lets it recover")
    func slowdown() {
        var pace = Pace(RateLimit(interval: 30, burst: 10_000))
        let full = pace.rate ?? 0
        pace.slowDown()
        pace.slowDown()
        #expect(pace.rate == full / 4)
        pace.recover()
        pace.recover()
        #expect(pace.rate == full)
        var unlimited = Pace(nil)
        unlimited.slowDown()
        #expect(unlimited.rate != nil)
    }

    @Test("a namespace's name is that of the directory which is mounted over the default one's")
    func namespace() {
        let other = "24 1 0:22 / /run rw shared:5 - tmpfs tmpfs rw\n"
        #expect(JournalNamespace.name(mounts: other) == nil)
        let mount = "99 24 0:22 /systemd/journal.audit /run/systemd/journal rw - tmpfs tmpfs rw\n"
        #expect(JournalNamespace.name(mounts: other + mount) == "audit")
    }
}
