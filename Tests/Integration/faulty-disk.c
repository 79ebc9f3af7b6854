/* Preloaded into the extension: writes to the spool, flushes of it or both fail for as long as the first byte of the file that FAULTS
   names says so: 1 no space, 2 a bad disk, 4 flushes fail, 8 files cannot be cut.

   What is done to the spool's files is noted in the file that TRACE names: “write PATH OFFSET COUNT” and the bytes, “cut PATH SIZE 0”,
   “flush PATH 0 0”, and “fail PATH 0 0” for a flush that failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
    return strstr(path, "/spool-") != NULL;
}

static int fails(int file, int flags)
{
    char path[PATH_MAX];

    if (!(*faults & flags) || !is_spool(file, path))
        return 0;
    errno = *faults & flags & 1 ? ENOSPC : EIO;
    return 1;
}

static void note(const char *what, int file, off64_t offset, const void *bytes, size_t count)
{
    char path[PATH_MAX], line[PATH_MAX + 64];
    struct iovec parts[2] = {{line, 0}, {(void *) bytes, bytes ? count : 0}};
    int code = errno;

    if (trace < 0 || !is_spool(file, path))
        return;
    parts[0].iov_len = snprintf(line, sizeof line, "%s %s %lld %zu\n", what, path, (long long) offset, bytes ? count : 0);
    if (writev(trace, parts, 2) < 0)
        abort();
    errno = code;
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

#define WRITTEN(offset) note("write", file, offset, bytes, answer)

WRAP(3, write, ssize_t, (int file, const void *bytes, size_t count), (file, bytes, count),
     WRITTEN(lseek64(file, 0, SEEK_CUR) - answer), (void) 0)
WRAP(3, pwrite, ssize_t, (int file, const void *bytes, size_t count, off_t offset), (file, bytes, count, offset), WRITTEN(offset), (void) 0)
WRAP(3, pwrite64, ssize_t, (int file, const void *bytes, size_t count, off64_t offset), (file, bytes, count, offset), WRITTEN(offset),
     (void) 0)
WRAP(4, fsync, int, (int file), (file), note("flush", file, 0, NULL, 0), note("fail", file, 0, NULL, 0))
WRAP(4, fdatasync, int, (int file), (file), note("flush", file, 0, NULL, 0), note("fail", file, 0, NULL, 0))
WRAP(8, ftruncate, int, (int file, off_t size), (file, size), note("cut", file, size, NULL, 0), (void) 0)
WRAP(8, ftruncate64, int, (int file, off64_t size), (file, size), note("cut", file, size, NULL, 0), (void) 0)
