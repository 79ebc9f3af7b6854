import SystemCalls

/// A way to end a running extension from the same process, for those who take signals themselves.
package struct ExtensionEnd: Sendable {
    let watch: EndWatch

    package init() throws(ExtensionError) {
        do {
            watch = try EndWatch(takesSignals: false)
        } catch {
            throw .failed(error)
        }
    }

    /// Ends the extension in order: after osqueryd, which is waited for up to 10 s, or after the calls under way where osqueryd
    /// is our parent, or this process.
    package func request() {
        watch.end(because: .requested)
    }

    /// Ends it after the calls under way.
    package func requestAtOnce() {
        watch.end(because: .cancelled)
    }
}

extension OsqueryExtension {
    /// ``run(_:)`` without signals: until osqueryd, the parent's end or `end` says so.
    package func run(_ options: ExtensionOptions, until end: ExtensionEnd) throws(ExtensionError) {
        var lifecycle = ExtensionLifecycle(self, options, end.watch)
        try lifecycle.run()
    }
}
