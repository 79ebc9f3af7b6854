#define _GNU_SOURCE
/* The yardstick: an extension that does the least that a journal logger can. One thread, blocking calls, one read a message,
 * replies patched in place, four journal fields, no check of anything. Not an example to follow: it trusts its peer blindly.
 *
 *     floor --socket S [ignored flags]
 */
#include <arpa/inet.h>
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

static uint8_t in[1 << 20], out[4096];

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

static uint8_t *put_status(uint8_t *p, uint32_t uuid) {
    p = put_field(p, 8, 1); p = put32(p, 0);
    p = put_field(p, 11, 2); p = put_string(p, "OK");
    p = put_field(p, 10, 3); p = put32(p, 0); p = put32(p, uuid);
    *p++ = 0;
    return p;
}

static uint32_t register_with(int manager) {
    uint8_t *p = put32(out, 0x80010001);
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
    uint8_t *status = in + 29 + 3;
    uint8_t *message = status + 7;
    return get32(message + 7 + get32(message + 3) + 3 + 4);
}

/* The value of the request's entry "string": its length, which stands before its bytes. */
static uint8_t *string_value(uint8_t *from, uint8_t *end) {
    for (; from + 14 < end; from++)
        if (get32(from) == 6 && !memcmp(from + 4, "string", 6)) return from + 10;
    exit(1);
}

int main(int argc, char **argv) {
    const char *path = argc > 2 ? argv[2] : "";
    char own[128];
    int manager = open_socket(path, 0);
    if (manager < 0) return 69;
    uint32_t uuid = register_with(manager);
    snprintf(own, sizeof own, "%s.%u", path, uuid);
    int listener = open_socket(own, 1);
    for (;;) {
        int c = accept4(listener, 0, 0, SOCK_CLOEXEC);
        ssize_t n;
        while ((n = read(c, in, sizeof in)) > 0) {
            uint8_t *end = in + n, *p, name = in[8];
            memcpy(out, in, 4 + 4 + get32(in + 4) + 4);
            out[3] = 2;
            p = out + 4 + 4 + get32(in + 4) + 4;
            if (name == 's') { *p++ = 0; if (write(c, out, p - out) < 0) return 1; unlink(own); return 0; }
            p = put_field(p, 12, 0);
            if (name == 'c') {
                uint8_t *value = string_value(in, end);
                uint32_t length = get32(value);
                memcpy(value - 4, "MESSAGE=", 8);
                struct iovec fields[] = {
                    {value - 4, length + 8}, {"PRIORITY=6", 10},
                    {"SYSLOG_IDENTIFIER=osqueryd", 26}, {"OSQUERY_LOG_TYPE=string", 23}};
                if (sd_journal_sendv(fields, 4)) return 1;
                p = put_field(p, 12, 1); p = put_status(p, uuid);
                p = put_field(p, 15, 2); *p++ = 13; p = put32(p, 0); *p++ = 0;
            } else {
                p = put_status(p, uuid);
            }
            *p++ = 0;
            if (write(c, out, p - out) < 0) return 1;
        }
        close(c);
    }
}
