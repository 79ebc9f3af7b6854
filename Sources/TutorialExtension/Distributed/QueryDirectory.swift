import Glibc
import Journal
import Logging
import Osquery
import SystemCalls

/// The distributed plugin `directory`: queries are files in a folder, and so are their results.
final class QueryDirectory: DistributedPlugin {
    /// Queries that are handed to osqueryd at once.
    private static let batch = 100
    /// How often a query is handed to osqueryd that does not bring its result: a crash in between runs it again.
    private static let mostTries = 3

    private struct State {
        var folder: QueryFolder?
        /// The queries that osqueryd has, by name, and how often it got each.
        var handed: [String: (query: QueryFile, tries: Int)] = [:]
        var isWorthALook = true
        var saidError: String?
    }

    let name = "directory"
    private let path: String?
    private let logger: Logger
    private let journal: JournalWriter?
    private let state = Lock(State())

    /// - Parameters:
    ///   - path: The folder; without one there are no queries.
    ///   - journal: Where results go, too.
    init(path: String?, journal: JournalWriter?, logger: Logger) {
        self.path = path
        self.journal = journal
        self.logger = logger
    }

    func getQueries() throws -> DistributedQueries {
        guard let path else { return DistributedQueries() }
        return try state.withLock { state in
            let folder: QueryFolder
            do {
                folder = try state.folder ?? QueryFolder(path: path)
                state.folder = folder
                state.saidError = nil
            } catch {
                if state.saidError != "\(error)" {
                    logger.error(
                        "No query can be taken: \(error) Set OSQUERY_DISTRIBUTED_DIRECTORY to a folder of ours.")
                }
                state.saidError = "\(error)"
                throw error
            }
            // osqueryd asks again only when it is through with what it got.
            retire(&state, folder)
            let hasChanged = folder.hasChanged()
            guard hasChanged || state.isWorthALook || !state.handed.isEmpty else { return DistributedQueries() }
            return try take(&state, folder)
        }
    }

    /// Gives up queries that osqueryd got and brought no result of.
    private func retire(_ state: inout State, _ folder: QueryFolder) {
        for (name, (query, tries)) in state.handed {
            let message: String
            if query.discovery != nil {
                message = "The discovery query brought no rows: the query was not run."
            } else if tries >= Self.mostTries {
                message = "osqueryd got the query \(tries) times and brought no result: it was given up."
            } else {
                continue
            }
            state.handed[name] = nil
            finish(query, DistributedResult(name: name, status: 1, message: message), folder)
        }
    }

    private func take(_ state: inout State, _ folder: QueryFolder) throws -> DistributedQueries {
        var batch: [QueryFile] = []
        let entries = try folder.entries(limit: Self.batch)
        state.isWorthALook = entries.count == Self.batch
        for entry in entries {
            switch entry {
            case .unfinished:
                state.isWorthALook = true
            case .query(let query):
                batch.append(query)
            case .bad(let fileName, let error):
                let name = String(fileName[..<(fileName.lastIndex(of: ".") ?? fileName.endIndex)])
                let result = DistributedResult(name: name, status: 1, message: "\(error)")
                write(result, query: nil, folder)
                try? folder.finish(fileName)
            }
        }
        var queries = DistributedQueries()
        var handed: [String: (query: QueryFile, tries: Int)] = [:]
        // Where one has a discovery query osqueryd runs only those whose discovery query brings a row.
        let needsDiscovery = batch.contains { $0.discovery != nil }
        for query in batch where queries.queries[query.name] == nil {
            queries.queries[query.name] = query.query
            if needsDiscovery { queries.discovery[query.name] = query.discovery ?? "SELECT 1" }
            handed[query.name] = (query, (state.handed[query.name]?.tries ?? 0) + 1)
        }
        state.handed = handed
        return queries
    }

    func writeResults(_ results: [DistributedResult]) throws {
        try state.withLock { state in
            guard let path else { return }
            let folder = try state.folder ?? QueryFolder(path: path)
            for result in results where QueryFile.isQuery("\(result.name).sql") {
                let query = state.handed[result.name]?.query
                // Where this fails osqueryd brings the results again.
                try folder.writeResult(result.name, result.json(query: query?.query))
                if let query { try folder.finish(query.fileName) }
                state.handed[result.name] = nil
                log(result, query)
            }
        }
    }

    private func finish(_ query: QueryFile, _ result: DistributedResult, _ folder: QueryFolder) {
        write(result, query: query, folder)
        do {
            try folder.finish(query.fileName)
        } catch {
            logger.error("\(error)")
        }
    }

    private func write(_ result: DistributedResult, query: QueryFile?, _ folder: QueryFolder) {
        do {
            try folder.writeResult(result.name, result.json(query: query?.query))
            log(result, query)
        } catch {
            logger.error("\(error)")
        }
    }

    /// A result is a journal entry as well, where the journal logger is there.
    private func log(_ result: DistributedResult, _ query: QueryFile?) {
        guard let journal else { return }
        var entry = JournalEntry()
        entry.add(result.status == 0 ? "PRIORITY=6" : "PRIORITY=3")
        entry.add("SYSLOG_IDENTIFIER=osqueryd")
        entry.add("OSQUERY_LOG_TYPE=distributed")
        entry.add("OSQUERY_QUERY_NAME", result.name)
        var message = "MESSAGE=" + result.json(query: query?.query)
        do {
            let place = try message.withUTF8 { try journal.write(entry, message: UnsafeRawBufferPointer($0)) }
            try journal.makeSafe(place)
        } catch {
            logger.error("The result of “\(result.name)” did not come into the journal: \(error)")
        }
    }
}
