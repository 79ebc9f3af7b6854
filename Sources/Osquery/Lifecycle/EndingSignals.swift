import CLinux
import CSignals
import Glibc
import SystemCalls

/// The signals that end extensions, taken by handlers for the whole process while an extension runs.
///
/// No signal is blocked or ignored, since a program that a plugin starts would inherit that. The handlers are in C and only store numbers and
/// write to eventfds. SIGPIPE and SIGHUP have a handler that does nothing: a closed pipe or terminal must not end what carries logs.
enum EndingSignals {
    /// What the handlers write to. They stay open for as long as the process runs: a handler may run at any time.
    private static let signal = WakeEvent()
    private static let secondInterrupt = WakeEvent()
    /// How many extensions run.
    private static let users = Lock(0)

    /// Takes the signals, until ``giveBack()`` is called as often as this. Signals from before do not count.
    ///
    /// - Returns: A descriptor that is readable once SIGTERM or SIGINT has come, and one that is once SIGINT has come twice.
    static func take() throws(SystemError) -> (signal: Int32, secondInterrupt: Int32) {
        let events = (signal: signal.descriptor, secondInterrupt: secondInterrupt.descriptor)
        guard events.signal >= 0 && events.secondInterrupt >= 0 else {
            throw SystemError("make", "an eventfd", code: EMFILE)
        }
        try users.withLock { (users) throws(SystemError) in
            if users == 0 {
                guard osquery_take_signals(events.signal, events.secondInterrupt) == 0 else {
                    throw SystemError("take", "signals")
                }
                var value: eventfd_t = 0
                eventfd_read(events.signal, &value)
                eventfd_read(events.secondInterrupt, &value)
                // One that has come since may have been read just now.
                if first != nil { signal.set() }
                if interruptCount > 1 { secondInterrupt.set() }
            }
            users += 1
        }
        return events
    }

    /// Puts back the handlers that were there before, where there were any.
    static func giveBack() {
        users.withLock { users in
            users -= 1
            if users == 0 { osquery_give_signals_back() }
        }
    }

    /// Has this thread, and those that it starts, get signals, though whoever has started it may have blocked them.
    static func unblock() {
        osquery_unblock_signals()
    }

    /// The first one that has come; nil where none has.
    static var first: Int32? {
        let number = osquery_first_signal()
        return number == 0 ? nil : number
    }

    /// How often SIGINT has come.
    static var interruptCount: Int { Int(osquery_interrupts()) }
}
