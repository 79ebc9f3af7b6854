import Glibc
import Journal
import Logging
import Osquery
import SystemCalls

/// The distributed plugin `directory`: queries are files in a directory, and so are their results.
final class QueryDirectory: DistributedPlugin {
    /// Queries that are handed to osqueryd at once.
    private static let batch = 100
    /// osqueryd asks every 5 s for so many seconds, where its own interval is longer and a query takes more than one turn (osquery:
    /// dispatcher/distributed_runner.cpp).
    private static let acceleration = (interval: 5, seconds: 60)

    let name = "directory"
    private let path: String?
    private let host: QueriedHost
    private let logger: Logger
    private let journal: ResultJournal?
    private let state = Lock(LiveQueries())

    /// - Parameters:
    ///   - path: The directory; without one there are no queries.
    ///   - journal: Where results go, too.
    init(path: String?, host: QueriedHost, journal: JournalWriter?, logger: Logger) {
        self.path = path
        self.host = host
        self.journal = journal.map { ResultJournal($0, logger) }
        self.logger = logger
    }

    func getQueries() throws -> DistributedQueries {
        guard let path else { return DistributedQueries() }
        // Both may ask osqueryd, and not while the state is held.
        let (host, interval) = (host.identifier, host.interval)
        return try state.withLock { state in
            let folder = try open(path, &state)
            // osqueryd asks again only when it is through with what it got.
            giveUp(&state, folder, host)
            let hasChanged = folder.hasChanged()
            guard hasChanged || state.isWorthALook || !state.isEmpty else { return DistributedQueries() }
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
                guard var asked = state.asked(as: result.name) else { continue }
                let answer = asked.attempt.answer(result, to: asked.query)
                state.asked[asked.query.name] = asked
                if let answer { finish(asked.query, answer, &state, folder, host) }
            }
            save(&state)
        }
    }

    /// The directory that the path leads to now, and what osqueryd was given by a process before this one.
    private func open(_ path: String, _ state: inout LiveQueries) throws(SystemError) -> QueryFolder {
        do throws(SystemError) {
            return try state.open(path)
        } catch {
            let remedy =
                error.code == EACCES
                ? "If it was made or replaced after the extension had started, the sandbox forbids writing there: restart osqueryd."
                : "Set OSQUERY_DISTRIBUTED_DIRECTORY to a directory of osqueryd's user with mode 0700."
            state.say("No query can be taken: \(error) \(remedy)", logger)
            throw error
        }
    }

    private func save(_ state: inout LiveQueries) {
        do {
            try state.save()
        } catch {
            state.say("A restart forgets how often osqueryd was given a query: \(error)", logger)
        }
    }
}

// MARK: - Queries

extension QueryDirectory {
    /// Gives up queries that osqueryd was given often enough.
    private func giveUp(_ state: inout LiveQueries, _ folder: QueryFolder, _ host: String) {
        for (query, attempt) in state.asked.values where attempt.count >= Attempt.limit {
            let message = "osqueryd was given the query \(attempt.count) times and returned no result: it is given up."
            finish(query, DistributedResult(name: query.name, status: 1, message: message), &state, folder, host)
        }
    }

    private func take(_ state: inout LiveQueries, _ folder: QueryFolder, _ host: String) throws -> DistributedQueries {
        let fileNames = try folder.fileNames()
        state.isWorthALook = false
        state.answered = state.answered.filter { folder.holds($0.key) }
        var room = Self.batch
        var asked: [String: (query: QueryFile, attempt: Attempt)] = [:]
        var queries = DistributedQueries()
        for fileName in fileNames {
            guard room > 0 else {
                state.isWorthALook = true
                break
            }
            let entry = folder.entry(fileName)
            if let answered = state.answered.removeValue(forKey: fileName), answered == entry {
                // It may be possible to move it by now.
                if (try? folder.finish(entry)) == nil { state.answered[fileName] = entry }
                continue
            }
            room -= 1
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
            case .bad(_, let reason):
                let name = QueryFile.name(of: fileName)
                refuse(entry, DistributedResult(name: name, status: 1, message: reason), &state, folder, host)
            case .gone:
                break
            }
        }
        state.asked = asked
        return queries
    }
}

// MARK: - Answers

extension QueryDirectory {
    /// Answers a query, unless somebody has removed or replaced it. Where the result cannot be written the query is run again; the last
    /// time the result goes to the journal alone.
    private func finish(
        _ query: QueryFile, _ answer: DistributedResult, _ state: inout LiveQueries, _ folder: QueryFolder,
        _ host: String
    ) {
        let entry = QueryFolder.Entry.query(query)
        guard folder.entry(query.fileName) == entry else { return state.asked[query.name] = nil }
        let text = answer.json(query: query.query, host: host)
        do {
            try folder.writeResult(answer.name, text)
        } catch {
            logger.error("The result of “\(answer.name)” cannot be written: \(error)")
            if state.asked[query.name]?.attempt.count ?? Attempt.limit < Attempt.limit { return }
        }
        state.asked[query.name] = nil
        if move(entry, &state, folder) {
            journal?.write(answer, text, host)
        } else {
            folder.removeResult(answer.name)
        }
    }

    /// Answers what is no query with why.
    private func refuse(
        _ entry: QueryFolder.Entry, _ answer: DistributedResult, _ state: inout LiveQueries, _ folder: QueryFolder,
        _ host: String
    ) {
        let text = answer.json(query: nil, host: host)
        do {
            try folder.writeResult(answer.name, text)
        } catch {
            logger.error("“\(answer.name)” is not answered: \(error) The answer is: \(answer.message)")
        }
        _ = move(entry, &state, folder)
        journal?.write(answer, text, host)
    }

    /// Moves what was answered to `done`, and remembers what cannot be moved, so that it is not run again.
    ///
    /// - Returns: Whether it was there.
    private func move(_ entry: QueryFolder.Entry, _ state: inout LiveQueries, _ folder: QueryFolder) -> Bool {
        do {
            return try folder.finish(entry)
        } catch {
            logger.error(
                "\(error) It has been answered and is not run again. Remove it, or what keeps it from being moved.")
            if let fileName = entry.fileName { state.answered[fileName] = entry }
            return true
        }
    }
}
