/* Preloaded, it has the kernel know less of the process at the other end of a socket. OLDER_KERNEL says how much:
 *
 *   6.4        there is no SO_PEERPIDFD
 *   5.2        nor pidfd_open(2)
 *   namespace  the process is in another pid namespace, and has no number here
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int is(const char *kernel)
{
    const char *set = getenv("OLDER_KERNEL");
    return set && strcmp(set, kernel) == 0;
}

int getsockopt(int descriptor, int level, int name, void *restrict value, socklen_t *restrict length)
{
    int (*real)(int, int, int, void *, socklen_t *) = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
    if (level == SOL_SOCKET && name == SO_PEERPIDFD) {
        errno = ENOPROTOOPT;
        return -1;
    }
    int result = real(descriptor, level, name, value, length);
    if (result == 0 && level == SOL_SOCKET && name == SO_PEERCRED && is("namespace")) ((struct ucred *)value)->pid = 0;
    return result;
}

int pidfd_open(pid_t pid, unsigned flags)
{
    int (*real)(pid_t, unsigned) = (int (*)(pid_t, unsigned))dlsym(RTLD_NEXT, "pidfd_open");
    if (is("5.2")) {
        errno = ENOSYS;
        return -1;
    }
    return real(pid, flags);
}
