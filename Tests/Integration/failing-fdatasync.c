/* Preloaded into the extension: the FAIL_AT-th fdatasync(2) of a spool segment fails, as on a bad disk. The next one succeeds, as
   the kernel's does, which tells only once of pages that it could not write. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fdatasync(int file)
{
    static int (*real)(int);
    static int count;
    char link[64], path[PATH_MAX];
    ssize_t length;

    if (!real)
        real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        if (strstr(path, "/spool-") && ++count == atoi(getenv("FAIL_AT"))) {
            errno = EIO;
            return -1;
        }
    }
    return real(file);
}
