import CLinux
import Glibc
import SystemCalls

/// Answers EPERM to system calls that this process has no use for (seccomp(2)): those that execute a program, be it only in memory, and
/// those that change a file's mode, owner, times or attributes, which Landlock does not cover.
///
/// SQLite calls fchown(2) when it makes a file as root, so that the file belongs to the database's owner. It does already, and SQLite goes
/// on without (sqlite: os_unix.c, robustFchown).
enum SystemCallFilter {
    /// Forbids the calls for good: to all threads, and to those that they start.
    ///
    /// A process without CAP_SYS_ADMIN must have given up new privileges before.
    static func enter() throws(SystemError) {
        var program = program
        let result = program.withUnsafeMutableBufferPointer {
            seccomp_enter($0.baseAddress, UInt16($0.count))
        }
        // A number above 0 is that of a thread whose own filter is in the way; errno(3) says nothing then.
        guard result <= 0 else {
            throw SystemError("apply a filter of system calls to", "thread \(result), which has another,", code: EBUSY)
        }
        guard result == 0 else { throw SystemError("install", "a filter of system calls") }
    }

    // MARK: - The calls

    private static var forbidden: [UInt32] {
        [executing, modes, owners, times, attributes, ring, old].joined().map { UInt32($0) }
    }

    private static let executing = [SYS_execve, SYS_execveat]
    /// fchmodat2, since Linux 6.6.
    private static let modes = [SYS_fchmod, SYS_fchmodat, 452]
    private static let owners = [SYS_fchown, SYS_fchownat]
    private static let times = [SYS_utimensat]
    /// Extended attributes hold access control lists and capabilities. setxattrat and removexattrat, since Linux 6.13, and
    /// file_setattr, since Linux 6.17.
    private static let attributes = [
        SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, 463, 466, 469,
    ]
    /// io_uring(7) makes system calls past a filter.
    private static let ring = [SYS_io_uring_setup]
    #if arch(x86_64)
        /// What only older machines have.
        private static let old = [SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat]
    #else
        private static let old: [Int32] = []
    #endif

    // MARK: - The program

    /// Where `struct seccomp_data` has what a program looks at; of the second argument the lower half.
    private enum Offset {
        static let number: UInt32 = 0
        static let architecture: UInt32 = 4
        static let secondArgument: UInt32 = 24
    }

    /// From this bit on numbers are those of the x32 ABI, which has all calls a second time.
    private static let x32: UInt32 = 0x4000_0000

    private static let refuse = instruction(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | UInt32(EPERM))
    private static let allow = instruction(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

    /// Each comparison is followed by what happens where it holds. Arguments are looked at for ioctl(2) alone: of calls whose number decides,
    /// the kernel knows the answer without running the program (Linux 5.11: kernel/seccomp.c, seccomp_cache_prepare).
    private static var program: [sock_filter] {
        var program = [
            load(Offset.architecture), skip(1, if: BPF_JEQ, audit_architecture), refuse,
            load(Offset.number), skip(1, unless: BPF_JGE, x32), refuse,
        ]
        for number in forbidden { program += [skip(1, unless: BPF_JEQ, number), refuse] }
        program += [skip(1, if: BPF_JEQ, UInt32(SYS_ioctl)), allow, load(Offset.secondArgument)]
        for request in [set_flags_request, set_attributes_request] {
            program += [skip(1, unless: BPF_JEQ, request), refuse]
        }
        return program + [allow]
    }

    private static func load(_ offset: UInt32) -> sock_filter { instruction(BPF_LD | BPF_W | BPF_ABS, offset) }

    private static func skip(_ count: UInt8, if comparison: Int32, _ value: UInt32) -> sock_filter {
        instruction(BPF_JMP | comparison | BPF_K, value, then: count)
    }

    private static func skip(_ count: UInt8, unless comparison: Int32, _ value: UInt32) -> sock_filter {
        instruction(BPF_JMP | comparison | BPF_K, value, else: count)
    }

    private static func instruction(
        _ code: Int32, _ value: UInt32, then jumpTrue: UInt8 = 0, else jumpFalse: UInt8 = 0
    ) -> sock_filter {
        sock_filter(code: UInt16(code), jt: jumpTrue, jf: jumpFalse, k: value)
    }
}
