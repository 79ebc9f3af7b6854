import Glibc

/// Runs libFuzzer; FUZZ names the part that gets its inputs. `make fuzz` runs each for a while.
///
/// SwiftPM calls the main function so, and the linker then leaves libFuzzer's own out.
@_cdecl("Fuzz_main")
public func fuzz(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, testOneInput)
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    target(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

private let target: @Sendable (UnsafeRawBufferPointer) -> Void = {
    let name = getenv("FUZZ").map { String(cString: $0) } ?? ""
    switch name {
    case "thrift": return fuzzThrift
    case "request": return fuzzRequest
    case "json": return fuzzJSON
    case "spool": return fuzzSpool
    default: fatalError("FUZZ is “\(name)”: set it to thrift, request, json or spool.")
    }
}()

/// FuzzerInterface of compiler-rt: LLVMFuzzerRunDriver.
@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ testOneInput: @convention(c) (UnsafePointer<UInt8>, Int) -> Int32
) -> Int32
