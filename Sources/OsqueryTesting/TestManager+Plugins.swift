public import Osquery

// MARK: - Loggers

extension TestManager {
    /// Starts logging, as osqueryd does once before it sends anything else to a logger.
    public func logInit(_ processName: String = "osqueryd", to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["init": processName])
    }

    /// What a logger wants to be sent.
    public func features(of logger: String) async throws -> LoggerFeatures {
        // The status code is the answer.
        let response = try await call(.logger, logger, ["action": "features"])
        return LoggerFeatures(rawValue: response.status.code)
    }

    /// Sends a result to a logger.
    public func logString(_ text: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["string": text, "category": "event"])
    }

    /// Sends a snapshot to a logger.
    public func logSnapshot(_ text: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["snapshot": text])
    }

    /// Sends status lines to a logger.
    public func logStatus(_ lines: [TestStatusLine], to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["status": "true", "log": TestStatusLine.json(lines)])
    }

    /// Sends an event to a logger. osqueryd does so only for a logger with the feature `LoggerFeatures.events`.
    public func logEvent(_ text: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["event": text])
    }

    /// Sends a health report to a logger. osqueryd 5 sends none; osquery-go knows the request.
    public func logHealth(_ text: String, to logger: String) async throws {
        _ = try await succeed(.logger, logger, ["health": text])
    }
}

// MARK: - Configuration

extension TestManager {
    /// The configuration of a config plugin, by the names of its sources.
    public func genConfig(_ plugin: String) async throws -> [String: String] {
        try await succeed(.config, plugin, ["action": "genConfig"]).rows.first ?? [:]
    }

    /// A pack of a config plugin, as JSON text.
    ///
    /// - Parameters:
    ///   - plugin: The plugin's name.
    ///   - name: The pack's name.
    ///   - value: The string that the configuration has in place of the pack.
    public func genPack(_ plugin: String, name: String, value: String) async throws -> String {
        let request = ["action": "genPack", "name": name, "value": value]
        guard let pack = try await succeed(.config, plugin, request).rows.first?[name] else {
            throw TestManagerError(
                .badAnswer,
                "The config plugin “\(plugin)” did not return the pack “\(name)”: its answer needs a row with a column of that "
                    + "name.")
        }
        return pack
    }
}

// MARK: - Live queries

extension TestManager {
    /// The queries of a distributed plugin.
    public func getQueries(_ plugin: String) async throws -> DistributedQueries {
        let rows = try await succeed(.distributed, plugin, ["action": "getQueries"]).rows
        guard let text = rows.first?["results"] else { return DistributedQueries() }
        guard let queries = DistributedQueries(json: text) else {
            throw TestManagerError(
                .badAnswer,
                "The distributed plugin “\(plugin)” did not return queries that osqueryd understands: \(text.prefix(200))"
            )
        }
        return queries
    }

    /// Sends the results of live queries to a distributed plugin.
    public func writeResults(_ results: [DistributedResult], to plugin: String) async throws {
        let request = ["action": "writeResults", "results": DistributedResult.json(results)]
        _ = try await succeed(.distributed, plugin, request)
    }
}
