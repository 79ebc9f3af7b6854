import Glibc
import SystemCalls

/// What can still be read of a damaged database, from its bytes. Takes no room on the disk.
final class SalvagedSpool: SpoolSource {
    private let file: SpoolFile
    private let isInUse: Bool
    private var scan: SpoolScan
    /// The numbers that were found, in order.
    private let numbers: [Int64]
    private(set) var forgotten: Int64
    private(set) var lost: Int
    /// Numbers of entries that were found and could not be read then: they may be asked for again.
    private var unreadable: Set<Int64> = []

    /// Searches a database.
    ///
    /// - Parameters:
    ///   - forgotten: The number before the oldest entry that is not in the journal, where that is known.
    ///   - last: The newest entry's, where that is known.
    /// - Throws: Where there is nothing in the files that this program has written, and so nothing says what they are.
    init(_ file: SpoolFile, forgotten: Int64? = nil, last: Int64? = nil) throws(SpoolError) {
        self.file = file
        var scan = SpoolScan(file)
        let progress: Int64
        do {
            try scan.readAll()
            progress = try file.readProgress()
        } catch {
            throw .failed(error)
        }
        guard !scan.isEmpty || forgotten != nil || file.isUnfinished else {
            throw .failed(
                SystemError(
                    "read", file.path, code: EUCLEAN,
                    reason:
                        "nothing in it was written by this program, or all of it is damaged. Look at it, and move it elsewhere"
                ))
        }
        let first = max(forgotten ?? scan.forgotten, progress)
        self.forgotten = first
        numbers = scan.numbers(after: first).filter { $0 <= last ?? .max }
        // What a process is just writing looks like damage.
        isInUse = file.isInUse
        lost =
            isInUse
            ? 0
            : Int(max(last ?? numbers.last ?? first, first) - first) - numbers.count
                + (last == nil ? scan.unreadable : 0)
        self.scan = scan
    }

    var salt: UInt64? { file.salt }
    var path: String { file.path }
    /// The number of the newest entry; nil where there is none.
    var last: Int64? { numbers.last }
    var isEmpty: Bool { numbers.isEmpty }

    var setAsidePath: String { file.setAsidePath }

    func read(after number: Int64) throws(SpoolError) -> [SpooledEntry] {
        var batch = SpoolBatch()
        var entries: [SpooledEntry] = []
        // Numbers are sorted, and asked for one after the other.
        var index = numbers.partitioningIndex { $0 > number }
        while index < numbers.count, !batch.isFull {
            do {
                if let entry = try entry(numbers[index]) {
                    batch.add(entry)
                    entries.append(entry)
                } else if !isInUse, unreadable.insert(numbers[index]).inserted {
                    lost += 1
                }
            } catch {
                throw .failed(error)
            }
            index += 1
        }
        return entries
    }

    /// The entry of this number; nil where it cannot be read.
    private func entry(_ number: Int64) throws(SystemError) -> SpooledEntry? {
        if let entry = try scan.entry(number) { return entry }
        guard isInUse, number > scan.forgotten else { return nil }
        // Its process has moved it from the WAL into the database meanwhile, or has replayed it.
        scan = SpoolScan(file)
        try scan.readAll()
        return try scan.entry(number)
    }

    func forget(through number: Int64) throws(SpoolError) {
        forgotten = max(forgotten, number)
        do {
            try file.writeProgress(forgotten)
        } catch {
            throw .failed(error)
        }
    }

    var size: Int { numbers.last ?? 0 > forgotten ? file.size : 0 }

    func finish() throws(SpoolError) {
        do {
            if lost > 0 { try file.setAside() } else { try file.remove() }
        } catch {
            throw .failed(error)
        }
    }
}

extension Array {
    /// The index of the first element of which `isAfter` is true; it must be so of all that follow.
    fileprivate func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
