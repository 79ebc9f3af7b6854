#if Gist
    import AsyncHTTPClient
    import FoundationEssentials
    import NIOCore
    import NIOHTTP1
    import NIOPosix
    import NIOSSL

    /// Fetches a gist over GitHub's REST API (docs.github.com/en/rest/gists).
    struct GistClient {
        /// Bytes that an answer, and all files of a gist together, may have.
        static let largest = 10 << 20
        private static let mostRedirects = 5
        /// For everything: osqueryd waits 3 s for its configuration when it starts.
        private static let timeout = Duration.milliseconds(2400)
        /// The host that GitHub keeps the files of gists at.
        private static let rawHost = "gist.githubusercontent.com"

        let settings: GistSettings
        let token: String?

        /// A gist as it was answered.
        struct Answer: Sendable {
            var etag: String?
            var files: [String: String]
        }

        /// Fetches the gist.
        ///
        /// - Parameter etag: Of the answer that there is already.
        /// - Returns: Nil when the gist is still the same.
        func fetch(unless etag: String?) async throws(GistError) -> Answer? {
            do {
                return try await withThrowingTaskGroup(of: Answer?.self) { group in
                    group.addTask { try await fetchWithClient(unless: etag) }
                    group.addTask {
                        try await Task.sleep(for: Self.timeout)
                        throw GistError.notReached("the answer was not complete within \(Self.timeout)")
                    }
                    defer { group.cancelAll() }
                    return try await group.next()!
                }
            } catch let error as GistError {
                throw error
            } catch {
                let host = URL(string: settings.baseURL)?.host() ?? settings.baseURL
                throw .notReached("\(ConnectionFailure(error, host: host))")
            }
        }

        private func fetchWithClient(unless etag: String?) async throws -> Answer? {
            // A thread and its memory for as long as it takes, not for ever.
            let configuration = try configuration
            let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let client = HTTPClient(eventLoopGroupProvider: .shared(threads), configuration: configuration)
            let result: Result<Answer?, any Error>
            do {
                result = .success(try await fetch(unless: etag, client))
            } catch {
                result = .failure(error)
            }
            // Nobody has to wait for a peer that does not say goodbye: TLS gives it 5 s.
            Task {
                try? await client.shutdown()
                try? await threads.shutdownGracefully()
            }
            return try result.get()
        }

        private var configuration: HTTPClient.Configuration {
            get throws {
                var tls = TLSConfiguration.makeClientConfiguration()
                // What OpenSSL's users know; by default the system's own.
                if let file = Environment[.certificates] { tls.trustRoots = .file(file) }
                var configuration = HTTPClient.Configuration(
                    tlsConfiguration: tls,
                    redirectConfiguration: .disallow,
                    timeout: .init(connect: .milliseconds(1500), read: .milliseconds(2000)),
                    proxy: try ProxySettings.proxy(for: settings.baseURL))
                configuration.httpVersion = .http1Only
                return configuration
            }
        }

        private func fetch(unless etag: String?, _ client: HTTPClient) async throws -> Answer? {
            var headers = HTTPHeaders([
                ("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28"),
            ])
            if let etag { headers.add(name: "If-None-Match", value: etag) }
            let (response, body) = try await get(settings.baseURL + settings.address.path, headers, client)
            if response.status == .notModified { return nil }
            let gist: GistBody
            do {
                gist = try JSONDecoder().decode(GistBody.self, from: Data(body))
            } catch {
                let type = response.headers.first(name: "Content-Type") ?? "no type"
                throw GistError.badAnswer("\(body.count) bytes of \(type)")
            }
            var answer = Answer(etag: response.headers.first(name: "ETag"), files: [:])
            var total = body.count
            for (name, file) in gist.files {
                guard let file, name == GistConfig.mainFile || name.hasSuffix(GistConfig.packSuffix) else {
                    answer.files[name] = ""
                    continue
                }
                if file.truncated == true || file.content == nil {
                    guard let url = file.rawURL else {
                        throw GistError.badAnswer("“\(name)” has neither content nor raw_url")
                    }
                    let text = try await get(url, HTTPHeaders(), client).body
                    total += text.count
                    guard total <= Self.largest else { throw GistError.tooLarge }
                    answer.files[name] = String(decoding: text, as: UTF8.self)
                } else {
                    answer.files[name] = file.content
                }
            }
            return answer
        }

        /// Gets a URL, and follows where that leads as far as it may.
        private func get(
            _ url: String, _ headers: HTTPHeaders, _ client: HTTPClient
        ) async throws -> (head: HTTPClientResponse, body: [UInt8]) {
            var url = try target(url, from: URL(string: settings.baseURL))
            for _ in 0...Self.mostRedirects {
                var request = HTTPClientRequest(url: url.absoluteString)
                request.headers = headers
                request.headers.add(name: "User-Agent", value: "tutorial-extension/\(Version.current)")
                if let token, isAPI(url) {
                    request.headers.add(name: "Authorization", value: "Bearer \(token)")
                }
                let response = try await client.execute(request, timeout: .seconds(3))
                switch response.status.code {
                case 200: return (response, try await read(response))
                case 304: return (response, [])
                case 301, 302, 303, 307, 308:
                    url = try target(response.headers.first(name: "Location") ?? "", from: url)
                case 403, 429:
                    if let seconds = RateLimit.seconds(response.headers) {
                        throw GistError.rateLimited(seconds: seconds)
                    }
                    fallthrough
                default: throw GistError.status(response.status.code, response.status.reasonPhrase)
                }
            }
            throw GistError.badRedirect("\(url), and on, more than \(Self.mostRedirects) times")
        }

        private func read(_ response: HTTPClientResponse) async throws -> [UInt8] {
            var bytes: [UInt8] = []
            for try await part in response.body {
                guard bytes.count + part.readableBytes <= Self.largest else { throw GistError.tooLarge }
                bytes.append(contentsOf: part.readableBytesView)
            }
            return bytes
        }

        /// The URL that `location` leads to, where it may be followed.
        private func target(_ location: String, from base: URL?) throws(GistError) -> URL {
            guard let url = URL(string: location, relativeTo: base)?.absoluteURL, url.scheme == "https",
                url.user() == nil, isAPI(url) || (url.host() == Self.rawHost && url.port ?? 443 == 443)
            else { throw .badRedirect(location) }
            return url
        }

        /// Whether a URL is at the host that is asked for the gist, and so may see the token.
        private func isAPI(_ url: URL) -> Bool {
            guard let base = URL(string: settings.baseURL) else { return false }
            return url.host() == base.host() && url.port ?? 443 == base.port ?? 443
        }
    }

    /// What we read of GitHub's answer.
    private struct GistBody: Decodable {
        struct File: Decodable {
            enum CodingKeys: String, CodingKey {
                case content, truncated
                case rawURL = "raw_url"
            }

            let content: String?
            let truncated: Bool?
            let rawURL: String?
        }

        let files: [String: File?]
    }
#endif
