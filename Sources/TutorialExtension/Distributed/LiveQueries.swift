import Logging
import SystemCalls

/// What the plugin `directory` knows of its queries.
struct LiveQueries {
    private var folder: QueryFolder?
    private var attemptFile: AttemptFile?
    /// What osqueryd is asked, by the names of the queries.
    var asked: [String: (query: QueryFile, attempt: Attempt)] = [:]
    /// What was answered and cannot be moved to `done`, by the names of the files.
    var answered: [String: QueryFolder.Entry] = [:]
    /// Whether there may be queries, also if nothing changes in the directory.
    var isWorthALook = true
    /// What was said last of a directory or a file that cannot be used, and since then not mended.
    private var saidError: String?

    /// Whether nothing that is known waits for anything.
    var isEmpty: Bool { asked.isEmpty && answered.isEmpty }

    /// What osqueryd calls `id`.
    func asked(as id: String) -> (query: QueryFile, attempt: Attempt)? {
        asked.values.first { $0.attempt.id(of: $0.query) == id }
    }

    /// Opens the directory, and reads what osqueryd was given by a process before this one; again if the directory, `results` or `done`
    /// was replaced.
    mutating func open(_ path: String) throws(SystemError) -> QueryFolder {
        if let folder, folder.isInPlace { return folder }
        folder = nil
        let folder = try QueryFolder(path: path)
        var file = AttemptFile(in: folder)
        for (fileName, attempt) in file.read() where QueryFile.isQuery(fileName) {
            let entry = folder.entry(fileName)
            if attempt.isAnswered {
                answered[fileName] = entry
            } else if case .query(let query) = entry, asked[query.name] == nil {
                asked[query.name] = (query, attempt)
            }
        }
        isWorthALook = true
        attemptFile = file
        self.folder = folder
        return folder
    }

    /// Writes down how often osqueryd was given each query, and what it is not to be given again.
    mutating func save() throws(SystemError) {
        var attempts = answered.mapValues { _ in Attempt.answered }
        for (query, attempt) in asked.values { attempts[query.fileName] = attempt }
        try attemptFile?.write(attempts)
        saidError = nil
    }

    /// Logs what keeps the directory or a file from being used, unless that was said last.
    mutating func say(_ text: String, _ logger: Logger) {
        if saidError != text { logger.error("\(text)") }
        saidError = text
    }
}
