#if Gist
    import AsyncHTTPClient
    import FoundationEssentials

    /// The proxy that the usual variables name: HTTPS_PROXY and NO_PROXY, of either case.
    enum ProxySettings {
        static func proxy(for url: String) throws(GistError) -> HTTPClient.Configuration.Proxy? {
            guard let text = Environment.value("https_proxy") ?? Environment[.proxy],
                let host = URL(string: url)?.host(),
                !isExcepted(host)
            else { return nil }
            let proxy = URL(string: text.contains("://") ? text : "http://\(text)")
            guard let proxy, proxy.scheme == "http", let name = proxy.host() else {
                throw .notReached("HTTPS_PROXY is “\(text)”: give the proxy's URL, like http://proxy.example.com:3128")
            }
            guard let user = proxy.user() else { return .server(host: name, port: proxy.port ?? 80) }
            return .server(
                host: name, port: proxy.port ?? 80,
                authorization: .basic(username: user, password: proxy.password() ?? ""))
        }

        /// Whether NO_PROXY names the host, a domain above it, or everything.
        private static func isExcepted(_ host: String) -> Bool {
            let list = Environment.value("no_proxy") ?? Environment[.noProxy] ?? ""
            return list.split(separator: ",").contains { entry in
                let name = entry.filter { $0 != " " }
                let domain = name.hasPrefix(".") ? name : "." + name
                return name == "*" || host == name || host.hasSuffix(domain)
            }
        }
    }
#endif
