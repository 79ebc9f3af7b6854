import Glibc
import Journal
import Logging
import Osquery
import SystemCalls

/// The distributed plugin `directory`: queries are files in a folder, and so are their results.
final class QueryDirectory: DistributedPlugin {
    /// Queries that are handed to osqueryd at once.
    private static let batch = 100
    /// osqueryd asks every 5 s for so many seconds, where its own interval is longer and a query takes more than one turn (osquery:
    /// dispatcher/distributed_runner.cpp).
    private static let acceleration = (interval: 5, seconds: 60)

    private struct State {
        var folder: QueryFolder?
        var attemptFile: AttemptFile?
        /// What osqueryd is asked, by the names of the queries.
        var asked: [String: (query: QueryFile, attempt: Attempt)] = [:]
        var isWorthALook = true
        /// What was said last of a folder or a file that cannot be used.
        var saidError: String?
    }

    let name = "directory"
    private let path: String?
    private let host: QueriedHost
    private let logger: Logger
    private let journal: JournalWriter?
    private let state = Lock(State())

    /// - Parameters:
    ///   - path: The folder; without one there are no queries.
    ///   - journal: Where results go, too.
    init(path: String?, host: QueriedHost, journal: JournalWriter?, logger: Logger) {
        self.path = path
        self.host = host
        self.journal = journal
        self.logger = logger
    }

    func getQueries() throws -> DistributedQueries {
        guard let path else { return DistributedQueries() }
        // Both may ask osqueryd, and not while the state is held.
        let (host, interval) = (host.identifier, host.interval)
        return try state.withLock { state in
            let folder: QueryFolder
            do {
                folder = try open(path, &state)
            } catch {
                say("No query can be taken: \(error) Set OSQUERY_DISTRIBUTED_DIRECTORY to a folder of ours.", &state)
                throw error
            }
            // osqueryd asks again only when it is through with what it got.
            giveUp(&state, folder, host)
            let hasChanged = folder.hasChanged()
            guard hasChanged || state.isWorthALook || !state.asked.isEmpty else { return DistributedQueries() }
            var queries = try take(&state, folder, host)
            save(&state)
            let takesTurns = state.asked.values.contains { $0.attempt.isDiscovery || $0.attempt.count > 1 }
            if takesTurns, let interval, interval > Self.acceleration.interval {
                queries.accelerate = Self.acceleration.seconds
            }
            return queries
        }
    }

    func writeResults(_ results: [DistributedResult]) throws {
        guard let path else { return }
        let host = host.identifier
        try state.withLock { state in
            let folder = try open(path, &state)
            for result in results {
                // What osqueryd was not asked it has answered before, and sends again as it had no reply.
                guard
                    var asked = state.asked.values.first(where: { $0.attempt.id(of: $0.query) == result.name })
                else { continue }
                let answer = asked.attempt.answer(result, to: asked.query)
                state.asked[asked.query.name] = asked
                if let answer { finish(asked.query, answer, &state, folder, host) }
            }
            save(&state)
        }
    }

    /// The folder, and what osqueryd was given by a process before this one.
    private func open(_ path: String, _ state: inout State) throws(SystemError) -> QueryFolder {
        if let folder = state.folder { return folder }
        let folder = try QueryFolder(path: path)
        var file = AttemptFile(in: folder)
        for (fileName, attempt) in file.read() where QueryFile.isQuery(fileName) {
            guard case .query(let query) = folder.entry(fileName), state.asked[query.name] == nil else { continue }
            state.asked[query.name] = (query, attempt)
        }
        state.attemptFile = file
        state.folder = folder
        state.saidError = nil
        return folder
    }

    private func save(_ state: inout State) {
        let attempts = state.asked.values.map { ($0.query.fileName, $0.attempt) }
        do {
            try state.attemptFile?.write(Dictionary(attempts, uniquingKeysWith: { $1 }))
        } catch {
            say("A restart forgets how often osqueryd was given a query: \(error)", &state)
        }
    }

    private func say(_ text: String, _ state: inout State) {
        if state.saidError != text { logger.error("\(text)") }
        state.saidError = text
    }
}

// MARK: - Queries

extension QueryDirectory {
    /// Gives up queries that osqueryd was given often enough.
    private func giveUp(_ state: inout State, _ folder: QueryFolder, _ host: String) {
        for (query, attempt) in state.asked.values where attempt.count >= Attempt.limit {
            let message = "osqueryd was given the query \(attempt.count) times and returned no result: it is given up."
            finish(query, DistributedResult(name: query.name, status: 1, message: message), &state, folder, host)
        }
    }

    private func take(_ state: inout State, _ folder: QueryFolder, _ host: String) throws -> DistributedQueries {
        let entries = try folder.entries(limit: Self.batch)
        state.isWorthALook = entries.count == Self.batch
        var asked: [String: (query: QueryFile, attempt: Attempt)] = [:]
        var queries = DistributedQueries()
        for entry in entries {
            switch entry {
            case .unfinished:
                state.isWorthALook = true
            case .query(let query) where asked[query.name] == nil:
                var attempt = Attempt(at: query)
                if let known = state.asked[query.name], known.query == query { attempt = known.attempt }
                attempt.count += 1
                asked[query.name] = (query, attempt)
                queries.queries[attempt.id(of: query)] = attempt.text(of: query)
            case .query:
                // NAME.sql, beside NAME.json.
                state.isWorthALook = true
            case .bad(let fileName, let error):
                refuse(fileName, error, folder, host)
            }
        }
        state.asked = asked
        return queries
    }

    private func refuse(_ fileName: String, _ error: any Error, _ folder: QueryFolder, _ host: String) {
        let name = String(fileName[..<(fileName.lastIndex(of: ".") ?? fileName.endIndex)])
        let result = DistributedResult(name: name, status: 1, message: "\(error)")
        do {
            try folder.writeResult(name, result.json(query: nil, host: host))
        } catch {
            logger.error("\(fileName) is not answered: \(error) The answer is: \(result.message)")
        }
        log(result, result.json(query: nil, host: host), host)
        do {
            _ = try folder.finish(fileName)
        } catch {
            logger.error("\(error)")
        }
    }
}

// MARK: - Answers

extension QueryDirectory {
    /// Writes an answer, unless somebody has taken the query away. Where it cannot be written the query is run again; the last
    /// time the answer goes to the journal alone.
    private func finish(
        _ query: QueryFile, _ answer: DistributedResult, _ state: inout State, _ folder: QueryFolder, _ host: String
    ) {
        let text = answer.json(query: query.query, host: host)
        do {
            try folder.writeResult(answer.name, text)
        } catch {
            logger.error("The result of “\(answer.name)” cannot be written: \(error)")
            // `results` may have been replaced.
            state.folder = nil
            if state.asked[query.name]?.attempt.count ?? Attempt.limit < Attempt.limit { return }
        }
        do {
            if try !folder.finish(query.fileName) { folder.removeResult(answer.name) }
        } catch {
            logger.error("\(error)")
        }
        state.asked[query.name] = nil
        log(answer, text, host)
    }

    /// A result is a journal entry as well, where the journal logger is there.
    private func log(_ result: DistributedResult, _ text: String, _ host: String) {
        guard let journal else { return }
        var entry = JournalEntry()
        entry.add(result.status == 0 ? "PRIORITY=6" : "PRIORITY=3")
        entry.add("SYSLOG_IDENTIFIER=osqueryd")
        entry.add("OSQUERY_LOG_TYPE=distributed")
        entry.add("OSQUERY_QUERY_NAME", result.name)
        entry.add("OSQUERY_HOST_IDENTIFIER", host)
        var message = "MESSAGE=" + text
        do {
            let place = try message.withUTF8 { try journal.write(entry, message: UnsafeRawBufferPointer($0)) }
            try journal.makeSafe(place)
        } catch {
            logger.error("The result of “\(result.name)” is not in the journal: \(error)")
        }
    }
}
