/* Preloaded into the extension: tries, when it begins to listen, what ATTEMPTS names, and writes how each went to
   the file that is open as REPORT: 0, or errno. An attempt is a line: what to do, and paths, with tabs between them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int make(const char *path, int flags)
{
    int file = open(path, flags, 0600);

    if (file < 0)
        return -1;
    close(file);
    return 0;
}

static int make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int file = socket(AF_UNIX, SOCK_STREAM, 0);
    int result;

    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    result = bind(file, (struct sockaddr *) &address, sizeof address);
    close(file);
    return result;
}

static int execute(const char *path)
{
    char *arguments[] = {(char *) path, NULL};
    char *environment[] = {NULL};
    pid_t child;

    errno = posix_spawn(&child, path, NULL, NULL, arguments, environment);
    return errno ? -1 : 0;
}

/* Executes a program that is in memory alone, of which Landlock knows nothing. */
static int execute_in_memory(const char *path)
{
    char *arguments[] = {(char *) path, NULL};
    char *environment[] = {NULL};
    int program = memfd_create("program", 0), file = open(path, O_RDONLY), status;
    char buffer[4096];
    ssize_t length;
    pid_t child;

    while ((length = read(file, buffer, sizeof buffer)) > 0)
        if (write(program, buffer, length) != length)
            return -1;
    child = vfork();
    if (!child) {
        fexecve(program, arguments, environment);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    return errno ? -1 : 0;
}

static int set_flags(const char *path)
{
    int file = open(path, O_RDONLY), result;
    long flags = FS_NODUMP_FL;

    result = ioctl(file, FS_IOC_SETFLAGS, &flags);
    close(file);
    return result;
}

static int as_file(const char *path, int (*change)(int))
{
    int file = open(path, O_RDONLY), result = change(file);

    close(file);
    return result;
}

static int mode_of_open(int file) { return fchmod(file, 0640); }
static int owner_of_open(int file) { return fchown(file, 1, 1); }

/* getpid(2) by the numbers of another ABI, which a filter must know, too. */
static int other_abi(const char *name)
{
    int status;
    pid_t child;

    if (!strcmp(name, "x32"))
        return syscall(0x40000000 + SYS_getpid) < 0 ? -1 : 0;
    child = fork();
    if (!child) {
        int result = -ENOSYS;
#ifdef __x86_64__
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
#endif
        _exit(result < 0 ? -result : 0);
    }
    waitpid(child, &status, 0);
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ENOSYS;
    return errno ? -1 : 0;
}

static int attempt(const char *what, const char *path, const char *other)
{
    if (!strcmp(what, "make-file")) return make(path, O_WRONLY | O_CREAT | O_EXCL);
    if (!strcmp(what, "write")) return make(path, O_WRONLY);
    if (!strcmp(what, "read")) return make(path, O_RDONLY);
    if (!strcmp(what, "truncate")) return truncate(path, 0);
    if (!strcmp(what, "remove")) return unlink(path);
    if (!strcmp(what, "make-folder")) return mkdir(path, 0700);
    if (!strcmp(what, "remove-folder")) return rmdir(path);
    if (!strcmp(what, "make-link")) return symlink("/", path);
    if (!strcmp(what, "make-pipe")) return mkfifo(path, 0600);
    if (!strcmp(what, "make-device")) return mknod(path, S_IFCHR | 0600, 0x103);
    if (!strcmp(what, "make-block-device")) return mknod(path, S_IFBLK | 0600, 0x700);
    if (!strcmp(what, "make-socket")) return make_socket(path);
    if (!strcmp(what, "rename")) return rename(path, other);
    if (!strcmp(what, "execute")) return execute(path);
    if (!strcmp(what, "execute-in-memory")) return execute_in_memory(path);
    if (!strcmp(what, "other-abi")) return other_abi(path);
    if (!strcmp(what, "change-mode")) return chmod(path, 0640);
    if (!strcmp(what, "change-mode-here")) return fchmodat(AT_FDCWD, path, 0640, 0);
    if (!strcmp(what, "change-mode-of-open")) return as_file(path, mode_of_open);
    if (!strcmp(what, "change-mode-by-number")) return syscall(452, AT_FDCWD, path, 0640, 0);
    if (!strcmp(what, "change-owner")) return chown(path, 1, 1);
    if (!strcmp(what, "change-owner-of-link")) return lchown(path, 1, 1);
    if (!strcmp(what, "change-owner-of-open")) return as_file(path, owner_of_open);
    if (!strcmp(what, "change-times")) return utimensat(AT_FDCWD, path, NULL, 0);
    if (!strcmp(what, "set-attribute")) return setxattr(path, "trusted.test", "1", 1, 0);
    if (!strcmp(what, "remove-attribute")) return removexattr(path, "trusted.test");
    if (!strcmp(what, "set-flags")) return set_flags(path);
    if (!strcmp(what, "crash")) *(volatile int *) NULL = 0;
    if (!strcmp(what, "make-ring")) return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM ? -1 : 0;
    errno = ENOTSUP;
    return -1;
}

int listen(int file, int backlog)
{
    static int (*real)(int, int);
    char *attempts, *line, *rest;
    FILE *report;

    if (!real)
        real = (int (*)(int, int)) dlsym(RTLD_NEXT, "listen");
    attempts = strdup(getenv("ATTEMPTS"));
    report = fdopen(dup(atoi(getenv("REPORT"))), "w");
    for (rest = attempts; (line = strsep(&rest, "\n"));) {
        char *what = strsep(&line, "\t"), *path = strsep(&line, "\t");
        int result = attempt(what, path, line);

        fprintf(report, "%d\n", result ? errno : 0);
    }
    fclose(report);
    free(attempts);
    return real(file, backlog);
}
