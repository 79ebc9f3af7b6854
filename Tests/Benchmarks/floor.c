#define _GNU_SOURCE
/* The yardstick: an extension that does the least that a journal logger can. Blocking calls, one read a message, replies patched
 * in place, the entries that ours makes with fields that are fixed, no check of anything. Not an example to follow: it trusts its
 * peer blindly and finds what it needs by luck of their order.
 *
 *     floor --socket S [ignored flags]        FLOOR_THREADS=n threads that all wait in accept (1)
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

static int listener;
static uint32_t uuid;
static char own[128];

static int open_socket(const char *path, int listening) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (listening) {
        unlink(path);
        if (bind(fd, (void *)&address, sizeof address) || listen(fd, 128)) return -1;
    } else if (connect(fd, (void *)&address, sizeof address)) {
        return -1;
    }
    return fd;
}

static uint8_t *put32(uint8_t *p, uint32_t v) { v = htonl(v); memcpy(p, &v, 4); return p + 4; }
static uint8_t *put_string(uint8_t *p, const char *s) { p = put32(p, strlen(s)); memcpy(p, s, strlen(s)); return p + strlen(s); }
static uint8_t *put_field(uint8_t *p, int type, int id) { *p++ = type; *p++ = id >> 8; *p++ = id; return p; }
static uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return ntohl(v); }

static uint8_t *put_status(uint8_t *p) {
    p = put_field(p, 8, 1); p = put32(p, 0);
    p = put_field(p, 11, 2); p = put_string(p, "OK");
    p = put_field(p, 10, 3); p = put32(p, 0); p = put32(p, uuid);
    *p++ = 0;
    return p;
}

static void register_with(int manager) {
    uint8_t in[4096], out[4096], *p = put32(out, 0x80010001);
    p = put_string(p, "registerExtension"); p = put32(p, 1);
    p = put_field(p, 12, 1);
    const char *info[] = {"floor", "1.0.0", "5.0.0", "1.8.0"};
    for (int i = 0; i < 4; i++) { p = put_field(p, 11, i + 1); p = put_string(p, info[i]); }
    *p++ = 0;
    p = put_field(p, 13, 2); *p++ = 11; *p++ = 13; p = put32(p, 1);
    p = put_string(p, "logger"); *p++ = 11; *p++ = 15; p = put32(p, 1);
    p = put_string(p, "journal"); *p++ = 13; p = put32(p, 0);
    *p++ = 0;
    if (write(manager, out, p - out) < 0) exit(1);
    if (read(manager, in, sizeof in) <= 0) exit(1);
    /* header 4+4+17+4, field 3, code 7, message 7 + its length, uuid's field 3 + 8 */
    uint8_t *message = in + 29 + 3 + 7;
    uuid = get32(message + 7 + get32(message + 3) + 3 + 4);
}

/* The value that a request has for a key; its length stands before it. */
static uint8_t *value_of(uint8_t *from, const char *key) {
    uint32_t length = strlen(key);
    for (uint8_t *end = from + 160; from < end; from++)
        if (get32(from) == length && !memcmp(from + 4, key, length)) return from + 4 + length;
    return 0;
}

#define FIELD(text) {text, sizeof text - 1}

static void send_result(uint8_t *value, const char *type) {
    uint32_t length = get32(value);
    memcpy(value - 4, "MESSAGE=", 8);
    struct iovec fields[] = {
        {value - 4, length + 8}, FIELD("PRIORITY=6"), FIELD("SYSLOG_IDENTIFIER=osqueryd"), {(void *)type, strlen(type)},
        FIELD("OSQUERY_QUERY_NAME=bench"), FIELD("OSQUERY_HOST_IDENTIFIER=web-01"),
        FIELD("OSQUERY_CALENDAR_TIME=Mon Nov 23 09:34:12 2026 UTC"), FIELD("OSQUERY_UNIX_TIME=1795426452"),
        FIELD("OSQUERY_EPOCH=0"), FIELD("OSQUERY_COUNTER=1234"), FIELD("OSQUERY_ACTION=added")};
    int r = sd_journal_sendv(fields, sizeof fields / sizeof *fields);
        if (r) { fprintf(stderr, "floor: %s\n", strerror(-r)); exit(1); }
}

/* [{…},{…}]: none of the texts has a brace. */
static void send_status(uint8_t *value) {
    uint8_t *end = value + 4 + get32(value), *from = value + 5, *to;
    while ((to = memchr(from, '}', end - from))) {
        static __thread char message[65536];
        memcpy(message, "MESSAGE=", 8);
        memcpy(message + 8, from, to + 1 - from);
        struct iovec fields[] = {
            {message, 8 + to + 1 - from}, FIELD("PRIORITY=6"), FIELD("SYSLOG_IDENTIFIER=osqueryd"),
            FIELD("OSQUERY_LOG_TYPE=status"), FIELD("CODE_FILE=scheduler.cpp"), FIELD("CODE_LINE=120"),
            FIELD("OSQUERY_HOST_IDENTIFIER=web-01"), FIELD("OSQUERY_CALENDAR_TIME=Mon Nov 23 09:34:14 2026 UTC"),
            FIELD("OSQUERY_UNIX_TIME=1795426454")};
        int r = sd_journal_sendv(fields, sizeof fields / sizeof *fields);
        if (r) { fprintf(stderr, "floor: %s\n", strerror(-r)); exit(1); }
        from = to + 2;
    }
}

static void *serve(void *unused) {
    const size_t usual = 1 << 16;
    size_t size = usual;
    uint8_t *in = malloc(size), out[512];
    for (;;) {
        int c = accept4(listener, 0, 0, SOCK_CLOEXEC);
        ssize_t n;
        while ((n = read(c, in, size)) > 0) {
            uint8_t name = in[8], *value = 0, *p;
            const char *type = 0;
            size_t have = n, whole = n;
            if (name == 'c') {
                /* Behind the value there is the request's end, or an entry "status": "true" before it. */
                if ((value = value_of(in, "snapshot"))) type = "OSQUERY_LOG_TYPE=snapshot";
                else if ((value = value_of(in, "string"))) type = "OSQUERY_LOG_TYPE=string";
                else value = value_of(in, "log");
                whole = value - in + 4 + get32(value) + (type ? 0 : 4 + 6 + 4 + 4) + 1;
            }
            if (whole > size) {
                size_t at = value - in;
                in = realloc(in, size = whole);
                value = in + at;
            }
            while (have < whole && (n = read(c, in + have, whole - have)) > 0) have += n;
            memcpy(out, in, 4 + 4 + get32(in + 4) + 4);
            out[3] = 2;
            p = out + 4 + 4 + get32(in + 4) + 4;
            if (name == 's') { *p++ = 0; if (write(c, out, p - out) < 0) exit(1); unlink(own); exit(0); }
            p = put_field(p, 12, 0);
            if (name == 'c') {
                if (type) send_result(value, type);
                else send_status(value);
                p = put_field(p, 12, 1); p = put_status(p);
                p = put_field(p, 15, 2); *p++ = 13; p = put32(p, 0); *p++ = 0;
            } else {
                p = put_status(p);
            }
            *p++ = 0;
            if (write(c, out, p - out) < 0) exit(1);
            if (size > usual) { free(in); in = malloc(size = usual); }
        }
        close(c);
    }
    return unused;
}

int main(int argc, char **argv) {
    const char *path = argc > 2 ? argv[2] : "", *threads = getenv("FLOOR_THREADS");
    int manager = open_socket(path, 0);
    if (manager < 0) return 69;
    register_with(manager);
    snprintf(own, sizeof own, "%s.%u", path, uuid);
    listener = open_socket(own, 1);
    for (int i = 1; i < (threads ? atoi(threads) : 1); i++) {
        pthread_t thread;
        pthread_create(&thread, 0, serve, 0);
    }
    serve(0);
}
