/* Preloaded into the extension: there is no inotify instance to be had and, where NO_MEMFD is set, no file in memory. Where SMALL_BUFFER is
   set, sockets have buffers that hold so many bytes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int inotify_init1(int flags)
{
    (void)flags;
    errno = EMFILE;
    return -1;
}

int socket(int domain, int type, int protocol)
{
    int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    int descriptor = real(domain, type, protocol);
    if (descriptor >= 0 && getenv("SMALL_BUFFER")) {
        int size = atoi(getenv("SMALL_BUFFER"));
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    return descriptor;
}

int memfd_create(const char *name, unsigned int flags)
{
    if (!getenv("NO_MEMFD"))
        return (int)syscall(SYS_memfd_create, name, flags);
    errno = EMFILE;
    return -1;
}
