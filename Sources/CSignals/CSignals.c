#define _GNU_SOURCE
#include "CSignals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A program that is executed has none of these handlers, unlike SIG_IGN. */
static const int numbers[] = {SIGTERM, SIGINT, SIGPIPE, SIGHUP};
enum { count = sizeof numbers / sizeof *numbers };

static int first, interrupt_count;
static int event = -1, second_interrupt_event = -1;
static struct sigaction earlier[count];

/* What a handler may do is listed by signal-safety(7): this one stores numbers and writes to eventfds, and keeps errno(3). */
static void note_signal(int number)
{
    const int error = errno;
    const uint64_t one = 1;
    int none = 0;
    __atomic_compare_exchange_n(&first, &none, number, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    if (number == SIGINT && __atomic_add_fetch(&interrupt_count, 1, __ATOMIC_SEQ_CST) > 1)
        (void)!write(__atomic_load_n(&second_interrupt_event, __ATOMIC_SEQ_CST), &one, sizeof one);
    (void)!write(__atomic_load_n(&event, __ATOMIC_SEQ_CST), &one, sizeof one);
    errno = error;
}

static void survive_signal(int number) { (void)number; }

static bool is_ours(const struct sigaction *action) { return action->sa_handler == note_signal || action->sa_handler == survive_signal; }

int osquery_take_signals(int new_event, int new_second_interrupt_event)
{
    __atomic_store_n(&event, new_event, __ATOMIC_SEQ_CST);
    __atomic_store_n(&second_interrupt_event, new_second_interrupt_event, __ATOMIC_SEQ_CST);
    __atomic_store_n(&first, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&interrupt_count, 0, __ATOMIC_SEQ_CST);
    for (int i = 0; i < count; i++) {
        const bool ends = numbers[i] == SIGTERM || numbers[i] == SIGINT;
        struct sigaction action = {.sa_handler = ends ? note_signal : survive_signal, .sa_flags = SA_RESTART}, now;
        sigemptyset(&action.sa_mask);
        if (sigaction(numbers[i], NULL, &now) != 0) return -1;
        /* nohup(1) has SIGHUP ignored, which is for those that we start, too. */
        if (is_ours(&now) || (numbers[i] == SIGHUP && now.sa_handler == SIG_IGN)) continue;
        earlier[i] = now;
        if (sigaction(numbers[i], &action, NULL) != 0) return -1;
    }
    return 0;
}

void osquery_give_signals_back(void)
{
    for (int i = 0; i < count; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) != 0 || !is_ours(&now) || earlier[i].sa_handler == SIG_DFL) continue;
        sigaction(numbers[i], &earlier[i], NULL);
    }
}

/* Whoever has started us may have blocked what we take. A thread other than the first may be libdispatch's, or started by one of those, where nearly
   all signals are blocked (libdispatch: src/queue.c, _dispatch_worker_thread). Fails only for arguments that are not passed here. */
void osquery_unblock_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    if (syscall(SYS_gettid) != getpid()) {
        pthread_sigmask(SIG_SETMASK, &set, NULL);
        return;
    }
    for (int i = 0; i < count; i++) sigaddset(&set, numbers[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int osquery_first_signal(void) { return __atomic_load_n(&first, __ATOMIC_SEQ_CST); }

int osquery_interrupts(void) { return __atomic_load_n(&interrupt_count, __ATOMIC_SEQ_CST); }
