/* Preloaded into the extension: writes to the spool, flushes of it or both fail for as long as the first byte of the file that FAULTS
   names says so: 1 no space, 2 a bad disk, 4 flushes fail, 8 files cannot be cut, 16 a disk that is bad from the first flush on, 32 writes
   that get no further than half, 64 a disk that hangs.

   What is done to the spool's files is noted in the file that TRACE names: “write INODE OFFSET COUNT” and the bytes, “cut INODE SIZE 0”,
   “flush INODE 0 0”, and “fail INODE 0 0” for a flush that failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const volatile unsigned char *faults;
static int trace = -1;

__attribute__((constructor)) static void map(void)
{
    const char *path = getenv("FAULTS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *byte = file >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;

    if (byte == MAP_FAILED)
        abort();
    close(file);
    faults = byte;
    if (getenv("TRACE"))
        trace = open(getenv("TRACE"), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (getenv("TRACE") && trace < 0)
        abort();
}

/* Whether the file is one of the spool's, and its path. */
static int is_spool(int file, char path[PATH_MAX])
{
    char link[64];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return strstr(path, "/spool-") || strstr(path, "/spool/");
}

static void note(const char *what, int file, off64_t offset, const void *bytes, size_t count)
{
    char path[PATH_MAX], line[128];
    struct iovec parts[2] = {{line, 0}, {(void *) bytes, bytes ? count : 0}};
    struct stat status;
    int code = errno;

    if (trace < 0 || !is_spool(file, path) || fstat(file, &status) != 0)
        return;
    parts[0].iov_len = snprintf(
        line, sizeof line, "%s %llu %lld %zu\n", what, (unsigned long long) status.st_ino, (long long) offset, bytes ? count : 0);
    if (writev(trace, parts, 2) != (ssize_t) (parts[0].iov_len + parts[1].iov_len))
        abort();
    errno = code;
}

/* Whether a flush has failed since the disk is bad from the first one on. */
static int has_failed;

static int fails(int file, int flags)
{
    char path[PATH_MAX];

    while (*faults & 64 && is_spool(file, path))
        usleep(1000);
    if (!(*faults & 16))
        has_failed = 0;
    if (!(*faults & flags) && !(has_failed && flags & 16))
        return 0;
    if (!is_spool(file, path))
        return 0;
    if (flags & 4)
        has_failed = 1;
    else if (*faults & 16 && !has_failed)
        return 0;
    errno = *faults & flags & 33 ? ENOSPC : EIO;
    return 1;
}

/* Writes half of what fails for want of space. */
static void write_half(int file, const void *bytes, size_t count, off64_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (!(*faults & 32))
        return;
    real = (ssize_t (*)(int, const void *, size_t, off64_t)) dlsym(RTLD_NEXT, "pwrite64");
    if (real(file, bytes, count / 2, offset) == (ssize_t) (count / 2))
        note("write", file, offset, bytes, count / 2);
    errno = ENOSPC;
}

/* `done` notes what was done, `failed` what a flush that fails does. */
#define WRAP(flags, name, result, parameters, arguments, done, failed) \
    result name parameters \
    { \
        static result (*real) parameters; \
        result answer; \
        if (!real) \
            real = (result (*) parameters) dlsym(RTLD_NEXT, #name); \
        if (fails(file, flags)) { \
            failed; \
            return -1; \
        } \
        answer = real arguments; \
        if (answer >= 0) \
            done; \
        return answer; \
    }

#define HALF(offset) write_half(file, bytes, count, offset)
#define WRITTEN(offset) note("write", file, offset, bytes, answer)

WRAP(51, write, ssize_t, (int file, const void *bytes, size_t count), (file, bytes, count),
     WRITTEN(lseek64(file, 0, SEEK_CUR) - answer), HALF(lseek64(file, 0, SEEK_END)))
WRAP(51, pwrite, ssize_t, (int file, const void *bytes, size_t count, off_t offset), (file, bytes, count, offset), WRITTEN(offset), HALF(offset))
WRAP(51, pwrite64, ssize_t, (int file, const void *bytes, size_t count, off64_t offset), (file, bytes, count, offset), WRITTEN(offset),
     HALF(offset))
WRAP(20, fsync, int, (int file), (file), note("flush", file, 0, NULL, 0), note("fail", file, 0, NULL, 0))
WRAP(20, fdatasync, int, (int file), (file), note("flush", file, 0, NULL, 0), note("fail", file, 0, NULL, 0))
WRAP(8, ftruncate, int, (int file, off_t size), (file, size), note("cut", file, size, NULL, 0), (void) 0)
WRAP(8, ftruncate64, int, (int file, off64_t size), (file, size), note("cut", file, size, NULL, 0), (void) 0)
