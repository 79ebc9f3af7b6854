/* The signals that end an extension. The handlers have one state for the whole process, so it is in a C file: of a header each Swift file that
   uses it gets a copy. */

#ifndef CSIGNALS_H
#define CSIGNALS_H

/* Forgets the signals that have come, and takes those that will: SIGTERM and SIGINT make `event` readable, and each SIGINT after the first one
   `second_interrupt_event`. Returns -1, with errno(3), where that does not work. */
int osquery_take_signals(int event, int second_interrupt_event);

/* Puts earlier handlers back. Where there was none ours stay, so that a second SIGTERM does not end what is still being put in order. */
void osquery_give_signals_back(void);

/* Has this thread, and those that it starts, get signals. */
void osquery_unblock_signals(void);

/* The first signal of SIGTERM and SIGINT that has come; 0 where none has. */
int osquery_first_signal(void);

/* How often SIGINT has come. */
int osquery_interrupts(void);

#endif
