/* What Linux has and Swift's Glibc module does not: headers, declarations, and what cannot be written in Swift. */
#ifndef CLINUX_H
#define CLINUX_H

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/landlock.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The C library declares the rest only under _GNU_SOURCE, with which its fd_set would differ from the Glibc module's. */

/* accept(2) */
extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

/* memmem(3) */
extern void *memmem(const void *haystack, size_t length, const void *needle, size_t needle_length);

/* mremap(2), whose number of arguments differs: the memory may move */
extern void *mremap(void *memory, size_t length, size_t wanted, int flags, ...);
static inline void *remap(void *memory, size_t length, size_t wanted) { return mremap(memory, length, wanted, 1); }

/* dl_iterate_phdr(3), on machines of 64 bits */
struct dl_phdr_info {
    Elf64_Addr dlpi_addr;
    const char *dlpi_name;
    const Elf64_Phdr *dlpi_phdr;
    Elf64_Half dlpi_phnum;
};
extern int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *info, size_t size, void *data), void *data);

/* fcntl(2), open(2) */
#define F_SETLEASE 1024
#define O_PATH 010000000
#define AT_EMPTY_PATH 0x1000

/* memfd_create(2), and fcntl(2)'s seals, whose numbers the C library keeps to itself */
extern int memfd_create(const char *name, unsigned int flags);
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif
extern int fcntl(int descriptor, int command, ...);
static inline int seal(int file) { return fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE); }

/* cmsg(3), which is made of macros: a message's control data that hands over a descriptor, and its length; 24 bytes of room */
static inline size_t fill_rights(void *control, int descriptor)
{
    struct cmsghdr *header = (struct cmsghdr *)control;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    __builtin_memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return CMSG_SPACE(sizeof descriptor);
}

/* unix(7), SIOCOUTQ: bytes that were sent and that the peer has not read; ioctl(2) has a number of arguments that differs */
extern int ioctl(int descriptor, unsigned long request, ...);
static inline int unread_bytes(int descriptor, int *count) { return ioctl(descriptor, 0x5411, count); }

/* unix(7): what SO_PEERCRED tells */
struct ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* unix(7): since Linux 6.5 */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* prctl(2), whose number of arguments differs, which Swift cannot call */
static inline int set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static inline int set_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/* statx(2) */
static inline int statx_identity(int directory, const char *name, int flags, struct statx *found)
{
    return (int)syscall(SYS_statx, directory, name, flags, STATX_TYPE | STATX_INO, found);
}

/* landlock(7): since Linux 6.2 */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* landlock(7), which the C library has no functions for; what is handled is all of the attributes that we use */
static inline int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}
static inline int landlock_create(uint64_t handled)
{
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled};
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
}
static inline int landlock_allow(int rules, uint64_t access, int folder)
{
    struct landlock_path_beneath_attr attributes = {.allowed_access = access, .parent_fd = folder};
    return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attributes, 0);
}
static inline int landlock_enter(int rules) { return (int)syscall(SYS_landlock_restrict_self, rules, 0); }

/* seccomp(2), which the C library has no function for either: a filter for all threads of the process. Without SPEC_ALLOW, kernels before 5.16
   would also turn off the speculation of a processor, which costs more than the filter. */
static inline int seccomp_enter(struct sock_filter *instructions, unsigned short count)
{
    struct sock_fprog program = {.len = count, .filter = instructions};
    const unsigned int flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
#if defined(__x86_64__)
static const uint32_t audit_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
static const uint32_t audit_architecture = AUDIT_ARCH_AARCH64;
#else
#error "The number of this architecture in <linux/audit.h> is missing here."
#endif

/* ioctl(2): what chattr(1) and xfs_io(8) use; made of macros, in <linux/fs.h> */
static const uint32_t set_flags_request = _IOW('f', 2, long);
static const uint32_t set_attributes_request = _IOW('X', 32, char[28]);

#endif
