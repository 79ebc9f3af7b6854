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

    /// Ends the extension in order.
    package func request() {
        watch.end(because: .requested)
    }
}

extension Extension {
    /// ``run(_:)`` without signals: until osqueryd, the parent's end or `end` says so.
    package func run(_ options: ExtensionOptions, until end: ExtensionEnd) throws(ExtensionError) {
        var lifecycle = ExtensionLifecycle(self, options, end.watch)
        try lifecycle.run()
    }
}
