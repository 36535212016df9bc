#include "gateway/nginx_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { LIMIT_US = 500 * 1000, ANSWER_MAX = 256 * 1024, READ_ROOM = 16 * 1024, N_PARTS = 2 };

/* --- asking --- */

static int dial(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval limit = { 0, LIMIT_US };
    bool fits = bytes_copy(at.sun_path, sizeof at.sun_path - 1, bytes_of_str(path));
    int fd = fits ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void read_all(int fd, struct text *out)
{
    char part[READ_ROOM];
    while (out->len < ANSWER_MAX) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n <= 0) {
            return;
        }
        text_put(out, part, (size_t)n);
    }
}

/* The body; empty where it is not answered with 200. */
static struct bytes ask(const char *path, struct text *room)
{
    static const char request[] = "GET /handfast/metrics HTTP/1.0\r\n\r\n";
    int fd = dial(path);
    if (fd < 0) {
        return (struct bytes){ NULL, 0 };
    }
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1) {
        read_all(fd, room);
    }
    close(fd);
    const char *body = room->len > 0 ? strstr(room->p, "\r\n\r\n") : NULL;
    if (body == NULL || strncmp(room->p, "HTTP/1.1 200", 12) != 0) {
        return (struct bytes){ NULL, 0 };
    }
    return bytes_skip(bytes_of(room->p, room->len), (size_t)(body - room->p) + 4);
}

/* --- labels --- */

static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->p, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->p);
    struct bytes line = bytes_head(*rest, len);
    *rest = bytes_skip(*rest, len + 1);
    return line;
}

static bool has(struct bytes line, struct bytes part)
{
    return line.len > 0 && memmem(line.p, line.len, part.p, part.len) != NULL;
}

/* The number behind the last blank. */
static uint64_t value_of(struct bytes line)
{
    char number[32] = "";
    size_t at = line.len;
    while (at > 0 && line.p[at - 1] != ' ') {
        at--;
    }
    bytes_copy(number, sizeof number - 1, bytes_skip(line, at));
    return strtoull(number, NULL, 10);
}

static void sum_up(struct bytes line, struct nginx_resumption *sum)
{
    size_t way = has(line, BYTES("direction=\"southbound\"")) ? 1 : 0;
    if (bytes_start_with(line, BYTES("handfast_handshakes_total{")) &&
        has(line, BYTES("outcome=\"completed\""))) {
        sum->completed[way] += value_of(line);
    } else if (bytes_start_with(line, BYTES("handfast_resumed_total{"))) {
        sum->resumed[way] += value_of(line);
    }
}

/* name{a="b"} 1  or  name 1 */
static void put_series(struct text *out, struct bytes line, const char *part)
{
    const uint8_t *brace = memchr(line.p, '{', line.len);
    const uint8_t *blank = memchr(line.p, ' ', line.len);
    const uint8_t *at = brace != NULL ? brace : blank;
    if (at == NULL) {
        return;
    }
    size_t name_len = (size_t)(at - line.p);
    struct bytes rest = bytes_skip(line, brace != NULL ? name_len + 1 : name_len);
    text_puts(out, "handfast_nginx_");
    struct bytes name = bytes_head(line, name_len);
    name = bytes_start_with(name, BYTES("handfast_")) ? bytes_skip(name, 9) : name;
    text_put(out, (const char *)name.p, name.len);
    text_printf(out, "{part=\"%s\"%s", part, brace != NULL ? "," : "}");
    text_put(out, (const char *)rest.p, rest.len);
    text_putc(out, '\n');
}

/* "# HELP handfast_x ..." of ours would stand beside the collector's series of that name. */
static void put_comment(struct text *out, struct bytes line)
{
    const uint8_t *name = memmem(line.p, line.len, " handfast_", 10);
    if (name == NULL) {
        return;
    }
    size_t at = (size_t)(name - line.p);
    text_put(out, (const char *)line.p, at);
    text_puts(out, " handfast_nginx_");
    struct bytes rest = bytes_skip(line, at + 10);
    text_put(out, (const char *)rest.p, rest.len);
    text_putc(out, '\n');
}

static bool is_series_of(struct bytes line, struct bytes name)
{
    return bytes_start_with(line, name) && line.len > name.len &&
           (line.p[name.len] == '{' || line.p[name.len] == ' ');
}

static void put_all_of(struct text *out, struct bytes name, struct bytes text, const char *part,
                       struct nginx_resumption *resumption)
{
    while (text.len > 0) {
        struct bytes line = next_line(&text);
        if (is_series_of(line, name)) {
            put_series(out, line, part);
            sum_up(line, resumption);
        }
    }
}

static const struct {
    const char *dir, *name;
} parts[N_PARTS] = { { "router", "router" }, { "mp", "message-processor" } };

/* The module says HELP and TYPE of each name before its series; both parts say the same names. */
void nginx_metrics_merge(struct text *out, const struct bytes text[N_PARTS],
                         struct nginx_resumption *resumption)
{
    struct bytes rest = text[0].len > 0 ? text[0] : text[1];
    while (rest.len > 0) {
        struct bytes line = next_line(&rest);
        if (line.len == 0 || line.p[0] != '#') {
            continue;
        }
        put_comment(out, line);
        if (bytes_start_with(line, BYTES("# TYPE "))) {
            struct bytes words = bytes_skip(line, 7);
            struct bytes name = bytes_next_word(&words);
            for (size_t i = 0; i < N_PARTS; i++) {
                put_all_of(out, name, text[i], parts[i].name, resumption);
            }
        }
    }
}

void nginx_metrics_put(const struct places *places, struct text *out,
                       struct nginx_resumption *resumption)
{
    struct text rooms[N_PARTS] = { { 0 }, { 0 } };
    struct bytes bodies[N_PARTS];
    for (size_t i = 0; i < N_PARTS; i++) {
        char path[PLACE_PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%s/ask.sock", places->run, parts[i].dir);
        bodies[i] = ask(path, &rooms[i]);
    }
    nginx_metrics_merge(out, bodies, resumption);
    for (size_t i = 0; i < N_PARTS; i++) {
        text_deinit(&rooms[i]);
    }
}
