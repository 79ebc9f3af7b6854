import Glibc
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
        configuration.read(text: "RateLimitBurst=-1\nRateLimitBurst=9000000000000000000")
        #expect(configuration.rateLimitBurst == 500)
        configuration.read(text: "RateLimitBurst=\nRateLimitIntervalSec=0")
        #expect(configuration.rateLimitBurst == 10_000 && configuration.rateLimitInterval == 0)
        configuration.read(text: "Storage=none\nStorage=sometimes")
        #expect(configuration.storage == "none" && !configuration.isPersistent)
    }

    @Test(
        "a time is read however it is written",
        arguments: [
            ("0", 0), ("0s", 0), ("0min", 0), ("0h 0ms", 0), ("1h30min", 5400), ("2 weeks", 1_209_600), ("s", nil),
            ("", nil),
        ])
    func times(text: String, seconds: Double?) {
        #expect(JournaldConfiguration.seconds(Substring(text)) == seconds)
    }

    @Test(
        "sizes have powers of 1024",
        arguments: [
            ("1024", 1024), ("4K", 4096), ("1.5G", 3 << 29), ("-1", nil), ("9e30", nil), ("nan", nil), ("x", nil),
        ])
    func sizes(text: String, bytes: Int?) {
        #expect(JournaldConfiguration.bytes(Substring(text)) == bytes)
    }

    @Test(
        "journald's burst grows with what is left for the journal",
        arguments: [(0, 1000), (-1, 1000), (1 << 20, 1000), (16 << 20, 2000), (256 << 20, 3000), (4 << 30, 4000)])
    func modulation(available: Int, burst: Int) {
        #expect(RateLimit.modulated(1000, available: available) == burst)
    }

    @Test("in no interval more than half of the rate limit is sent")
    func half() {
        var pace = Pace(RateLimit(interval: 0.5, burst: 200))
        let end = ContinuousClock.now + .milliseconds(500)
        var sent = 0
        while ContinuousClock.now < end {
            if let pause = pace.take() { usleep(UInt32(pause) * 1000) } else { sent += 1 }
        }
        #expect(sent <= 100 && sent > 0)
        var unlimited = Pace(nil)
        #expect((0..<1000).allSatisfy { _ in unlimited.take() == nil })
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
        #expect(JournalNamespace(mounts: other) == JournalNamespace(name: nil))
        let mount = "99 24 0:22 /systemd/journal.audit /run/systemd/journal rw - tmpfs tmpfs rw\n"
        #expect(JournalNamespace(mounts: other + mount) == JournalNamespace(name: "audit"))
    }
}
