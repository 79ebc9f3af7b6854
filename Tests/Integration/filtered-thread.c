/* Preloaded, it starts a thread that has a filter of system calls of its own, as no thread of the process may have when it installs one for all. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static sem_t ready;

static void *stay(void *unused)
{
    struct sock_filter allow = {.code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW};
    struct sock_fprog program = {.len = 1, .filter = &allow};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) abort();
    sem_post(&ready);
    for (;;) pause();
    return unused;
}

__attribute__((constructor)) static void start(void)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    sem_init(&ready, 0, 0);
    /* Signals are for the others. */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, stay, NULL) != 0) abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sem_wait(&ready);
}
