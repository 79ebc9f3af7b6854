#if Gist
    import AsyncHTTPClient
    import Glibc
    import NIOCore
    import NIOPosix
    import NIOSSL

    /// Why a host could not be asked, in words for those who have to mend it.
    struct ConnectionFailure: CustomStringConvertible {
        let description: String

        /// - Parameter host: The host that was to be asked.
        init(_ error: any Error, host: String) {
            description =
                switch error {
                case let error as NIOConnectionError: Self.text(error)
                case let error as NIOSSLError: Self.text(error, host)
                case let error as NIOSSLExtraError where error == .failedToValidateHostname:
                    "the certificate is for another host than \(host)"
                case let error as HTTPClientError: Self.text(error, host)
                case let error as IOError: "\(host): \(String(cString: strerror(error.errnoCode)))"
                default: "\(host): \(error)"
                }
        }

        private static func text(_ error: HTTPClientError, _ host: String) -> String {
            switch error {
            case .connectTimeout: "there was no connection to \(host) in time"
            case .readTimeout, .deadlineExceeded: "\(host) did not answer in time"
            case .remoteConnectionClosed: "\(host) closed the connection without an answer"
            default: "\(host): \(error)"
            }
        }

        private static func text(_ error: NIOConnectionError) -> String {
            guard let first = error.connectionErrors.first?.error else {
                return "the name \(error.host) was not found: is the network up, and does DNS work?"
            }
            switch first {
            case let error as NIOSSLError:
                guard case .noSuchFilesystemObject = error else { return "\(error)" }
                return "SSL_CERT_FILE names a file that is not there or cannot be read"
            default:
                let reason = (first as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(first)"
                return "no connection to \(error.host), port \(error.port): \(reason)"
            }
        }

        private static func text(_ error: NIOSSLError, _ host: String) -> String {
            let details = "\(error)"
            if details.contains("CERTIFICATE_VERIFY_FAILED") {
                return "the certificate of \(host) is not valid, or signed by nobody who is trusted: "
                    + "name a file of certificates to trust in SSL_CERT_FILE"
            }
            if details.contains("EOF during handshake") {
                return "\(host) ended the connection before it was encrypted: does an HTTPS server answer at this port?"
            }
            // “… routines:OPENSSL_internal:REASON at …” (BoringSSL: err.h, ERR_error_string).
            let reason = details.split(separator: "OPENSSL_internal:").dropFirst().first?.prefix { $0 != " " }
            return "no encrypted connection to \(host): \(reason.map(String.init) ?? details)"
        }
    }
#endif
