/* libsystemd's journal interface, as Swift imports it (Debian: libsystemd-dev). */
#ifndef CSYSTEMD_H
#define CSYSTEMD_H

/* No CODE_FILE, CODE_LINE and CODE_FUNC of ours: osquery's own go there (sd_journal_print(3)). */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-login.h>

#endif
