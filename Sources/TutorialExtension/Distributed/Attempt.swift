import Osquery

/// How osqueryd is asked a query: what for, and how often it was.
///
/// A discovery query is a query of its own. osqueryd's own discovery queries tell nobody whether they failed or returned no rows, and
/// one that fails keeps every query from being run that came with it (osquery: distributed/distributed.cpp, acceptWork).
struct Attempt: Equatable {
    /// How often osqueryd is given a query that it returns no result of: a crash in between runs it again.
    static let limit = 3

    /// Whether the discovery query is asked, on whose rows it depends whether the query itself is.
    var isDiscovery: Bool
    /// Whether osqueryd has refused it once, because its worker ended while it ran it.
    var isSecond = false
    /// How often osqueryd was given it.
    var count = 0
    /// Whether the query has been answered, and is there only because it cannot be moved to `done`.
    private(set) var isAnswered = false

    init(at query: QueryFile) {
        isDiscovery = query.discovery != nil
    }

    /// That of a query that is not to be asked again.
    static let answered: Attempt = {
        var attempt = Attempt(isDiscovery: false)
        attempt.isAnswered = true
        return attempt
    }()

    private init(isDiscovery: Bool) {
        self.isDiscovery = isDiscovery
    }

    /// What osqueryd calls it. A query's own name has no `~`.
    func id(of query: QueryFile) -> String {
        query.name + (isDiscovery ? "~discovery" : "") + (isSecond ? "~2" : "")
    }

    /// What osqueryd is asked. It refuses a text, whatever its name, for as long as `--distributed_denylist_duration` says
    /// (checkAndSetAsRunning): a space makes it another one, and always the same other one, so that osqueryd refuses that as well if
    /// its worker ends again.
    func text(of query: QueryFile) -> String {
        (isSecond ? " " : "") + (isDiscovery ? query.discovery ?? "" : query.query)
    }

    /// What follows from a result: an answer, or nil where osqueryd is to be asked again, for what this attempt has become.
    mutating func answer(_ result: DistributedResult, to query: QueryFile) -> DistributedResult? {
        var answer = result
        answer.name = query.name
        if result.isDenylisted {
            if !isSecond {
                isSecond = true
                count = 0
                return nil
            }
            answer.message +=
                ": osqueryd's worker has ended twice while it ran this query. osqueryd refuses it until "
                + "--distributed_denylist_duration is over, a day by default."
        }
        guard isDiscovery else { return answer }
        if answer.status != 0 {
            answer.message = "The discovery query failed, so the query was not run: \(answer.message)"
        } else if answer.rows.isEmpty {
            answer = DistributedResult(
                name: query.name, status: 1, message: "The discovery query returned no rows, so the query was not run.")
        } else {
            isDiscovery = false
            isSecond = false
            count = 0
            return nil
        }
        return answer
    }
}

extension DistributedResult {
    /// Whether osqueryd did not run the query because its worker has ended while it ran it (distributed.cpp, runQueries).
    fileprivate var isDenylisted: Bool { status != 0 && message == "distributed query is denylisted" }
}

// MARK: - On disk

extension Attempt {
    /// Writes it as a JSON object.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("discovery") { $0.number(isDiscovery ? 1 : 0) }
            json.member("second") { $0.number(isSecond ? 1 : 0) }
            json.member("count") { $0.number(count) }
            if isAnswered { json.member("answered") { $0.number(1) } }
        }
    }

    /// What ``write(to:)`` has written.
    init?(_ element: JSONElement) {
        guard let discovery = element["discovery"]?.integer, let second = element["second"]?.integer,
            let count = element["count"]?.integer, (0...Int64(Self.limit)).contains(count)
        else { return nil }
        isDiscovery = discovery == 1
        isSecond = second == 1
        self.count = Int(count)
        isAnswered = element["answered"]?.integer == 1
    }
}
