#include "gateway/complaint.h"

#include <stdlib.h>

#include "gateway/process.h"

static struct bytes line_at(const char *p)
{
    return bytes_of(p, strcspn(p, "\n"));
}

/* Of the first line with that level: what comes after it. */
static bool find_level(const char *said, const char *level, struct bytes *out)
{
    const char *at = strstr(said, level);
    if (at == NULL) {
        return false;
    }
    at += strlen(level);
    *out = line_at(at + strspn(at, " "));
    return true;
}

static struct bytes last_line(const char *said)
{
    struct bytes last = { 0 };
    while (*said != '\0') {
        struct bytes line = line_at(said);
        if (line.len > 0) {
            last = line;
        }
        said += line.len + (said[line.len] == '\n' ? 1 : 0);
    }
    return last;
}

static size_t find(struct bytes in, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; n <= in.len && i <= in.len - n; i++) {
        if (memcmp(in.p + i, word, n) == 0) {
            return i;
        }
    }
    return in.len;
}

/* "12#12: " after the level in the error log: the process and its thread. */
static struct bytes without_process(struct bytes line)
{
    size_t colon = find(line, ": ");
    for (size_t i = 0; i < colon; i++) {
        if ((line.p[i] < '0' || line.p[i] > '9') && line.p[i] != '#') {
            return line;
        }
    }
    return bytes_skip(line, colon == line.len ? 0 : colon + 2);
}

/* The port of "bind() to 0.0.0.0:443 failed (98: ..."; 0: not such a line. */
static unsigned port_of(struct bytes line)
{
    if (find(line, "bind() to ") == line.len || find(line, "(98:") == line.len) {
        return 0;
    }
    struct bytes head = bytes_head(line, find(line, " failed"));
    size_t at = head.len;
    while (at > 0 && head.p[at - 1] >= '0' && head.p[at - 1] <= '9') {
        at--;
    }
    unsigned port = 0;
    for (size_t i = at; i < head.len && port <= 65535; i++) {
        port = port * 10 + (unsigned)(head.p[i] - '0');
    }
    return at > 0 && head.p[at - 1] == ':' && port <= 65535 ? port : 0;
}

void complaint_put(struct text *out, const char *said)
{
    struct bytes line = { 0 };
    if (!find_level(said, "[emerg]", &line) && !find_level(said, "[error]", &line)) {
        line = last_line(said);
    }
    line = without_process(line);
    line = bytes_head(line, find(line, " in /")); /* "... in /path/nginx.conf:12" */
    text_put_safe(out, line);
    unsigned port = port_of(line);
    struct text who = { 0 };
    if (port != 0 && process_of_port(port, &who) != 0) {
        text_printf(out, "; %s listens there", text_str(&who));
    }
    text_deinit(&who);
}
