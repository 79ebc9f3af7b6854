#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Error {
    /// What osqueryd is told of the error: the text that it has for people, and its description where it has none.
    package var text: String {
        (self as? any LocalizedError)?.errorDescription ?? "\(self)"
    }
}
