#include "agent/collector.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "observe/judging.h"

enum {
    BACKLOG = 4096,
    PENDING_MAX = COLLECTOR_POLLS_MAX - 1,
    PENDING_NS = 2000000000, /* a guest sends at once; who does not is none */
    NOTE_ROOM = 256 * 1024,
};

struct pending {
    int fd;
    int64_t since_ns;
};

struct collector {
    struct collector_options options;
    int fd;
    char socket[sizeof((struct sockaddr_un *)0)->sun_path];
    char key_hex[2 * NOTE_KEY_BYTES + 1];
    uint8_t key[NOTE_KEY_BYTES];
    bool has_path; /* to be removed at the end */
    size_t n_pending;
    struct pending pending[PENDING_MAX];
    struct judging *judging;
    uint64_t n_notes;
    uint8_t note[NOTE_ROOM];
};

/* --- the socket --- */

static void make_key(struct collector *c)
{
    struct text hex = { 0 };
    struct hash_key a = hash_key_random();
    for (size_t i = 0; i < NOTE_KEY_BYTES; i++) {
        uint64_t word = i < 8 ? a.k0 : a.k1;
        c->key[i] = (uint8_t)(word >> (8 * (i % 8)));
    }
    text_put_hex(&hex, bytes_of(c->key, sizeof c->key));
    bytes_copy(c->key_hex, sizeof c->key_hex - 1, bytes_of(hex.p, hex.len));
    text_deinit(&hex);
}

static enum status name_socket(struct collector *c, struct err *err)
{
    const char *name = c->options.socket;
    if (name == NULL) {
        struct hash_key random = hash_key_random();
        make_key(c);
        struct text own = { 0 };
        text_printf(&own, "@handfast-%ld-%08llx", (long)getpid(),
                    (unsigned long long)(random.k0 & 0xffffffff));
        bool is_named =
            !own.failed && bytes_copy(c->socket, sizeof c->socket - 1, bytes_of(own.p, own.len));
        text_deinit(&own);
        return is_named ? ST_OK : err_set(err, ST_NOMEM, "no memory");
    }
    if (strlen(name) >= sizeof c->socket || name[0] == '\0') {
        return err_set(err, ST_USAGE, "%.60s: a socket's name has 1 to %zu characters", name,
                       sizeof c->socket - 1);
    }
    bytes_copy(c->socket, sizeof c->socket, bytes_of_str(name));
    return ST_OK;
}

static bool is_listened_on(const struct sockaddr_un *a, socklen_t size)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_there = fd >= 0 && (connect(fd, (const struct sockaddr *)a, size) == 0 ||
                                errno == EAGAIN || errno == EPROTOTYPE);
    if (fd >= 0) {
        close(fd);
    }
    return is_there;
}

/* A socket that an earlier run left behind is in the way; anything else is not ours to remove. */
static void remove_stale(const struct sockaddr_un *a, socklen_t size)
{
    struct stat st;
    if (lstat(a->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) && !is_listened_on(a, size)) {
        unlink(a->sun_path);
    }
}

static enum status listen_on(struct collector *c, struct err *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    size_t len = strlen(c->socket);
    bytes_copy(a.sun_path, sizeof a.sun_path, bytes_of(c->socket, len));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (c->socket[0] == '@') {
        a.sun_path[0] = '\0';
    } else {
        size++;
        remove_stale(&a, size);
    }
    c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)&a, size) != 0 ||
        listen(c->fd, BACKLOG) != 0) {
        return err_sys(err, "%s", c->socket);
    }
    c->has_path = c->socket[0] != '@';
    if (c->has_path && chmod(c->socket, 0666) != 0) { /* workers run as other users than masters */
        return err_sys(err, "%s", c->socket);
    }
    return ST_OK;
}

static enum status open_collector(struct collector *c, struct err *err)
{
    TRY(judging_new(&c->judging, err));
    TRY(name_socket(c, err));
    return listen_on(c, err);
}

enum status collector_new(const struct collector_options *options, struct collector **out,
                          struct err *err)
{
    struct collector *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    c->options = *options;
    c->fd = -1;
    enum status st = open_collector(c, err);
    if (st != ST_OK) {
        collector_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

void collector_free(struct collector *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->n_pending; i++) {
        close(c->pending[i].fd);
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    if (c->has_path) {
        unlink(c->socket);
    }
    judging_free(c->judging);
    free(c);
}

const char *collector_socket(const struct collector *c)
{
    return c->socket;
}

const char *collector_key(const struct collector *c)
{
    return c->key_hex;
}

uint64_t collector_n_notes(const struct collector *c)
{
    return c->n_notes;
}

/* --- the verdict --- */

static bool is_wanted(const struct collector *c, const struct verdict *v)
{
    if (v->outcome == OUTCOME_NONE) {
        return false;
    }
    return c->options.wants_all || v->outcome == OUTCOME_FAILED;
}

/* "nginx: 10.0.0.7:443 app.example: failed, certificate-expired (certain): ..." */
static void put_line(struct text *out, const struct transcript *t, const struct verdict *v)
{
    const struct endpoint *peer = &t->client;
    if (t->local->side == SIDE_CLIENT) {
        peer = &t->server;
    }
    text_put_safe(out, bytes_of_str(t->program == NULL ? "a program" : t->program));
    text_printf(out, "[%u]: ", t->local->pid);
    if (peer->family != 0) {
        endpoint_put(out, peer);
        text_putc(out, ' ');
    }
    if (t->server_name != NULL) {
        text_put_safe(out, bytes_of_str(t->server_name));
        text_putc(out, ' ');
    }
    text_puts(out, outcome_id(v->outcome));
    if (v->cause != CAUSE_NONE) {
        text_printf(out, ", %s (%s)", cause_id(v->cause), confidence_id(v->confidence));
    }
    if (v->sentence != NULL) {
        text_puts(out, ": ");
        text_put_safe(out, bytes_of_str(v->sentence));
    }
    text_putc(out, '\n');
}

static void report(struct collector *c, const struct transcript *t, const struct verdict *v)
{
    struct text out = { 0 };
    switch (c->options.form) {
    case COLLECTOR_TEXT:
        report_text(&out, t, v, &c->options.style);
        break;
    case COLLECTOR_JSON:
        report_json(&out, t, v);
        break;
    case COLLECTOR_LINE:
        put_line(&out, t, v);
        break;
    }
    c->options.verdict(c->options.arg, &out);
    text_deinit(&out);
}

static void take_note(struct collector *c, struct bytes note)
{
    struct judged j;
    if (!judging_open(c->judging, note, c->key, &j)) {
        return;
    }
    if (j.story.unseen != NULL) {
        c->options.unseen(c->options.arg, j.story.program, j.story.unseen);
        return;
    }
    c->n_notes++;
    if (c->options.note != NULL) {
        c->options.note(c->options.arg, &j.story);
    }
    if (judging_reach(c->judging, &j) && is_wanted(c, &j.verdict)) {
        report(c, j.t, &j.verdict);
    }
}

/* --- taking --- */

static void accept_all(struct collector *c)
{
    while (c->n_pending < PENDING_MAX) {
        int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        c->pending[c->n_pending++] = (struct pending){ fd, clock_monotonic_ns() };
    }
}

/* True where the connection is done with. */
static bool read_pending(struct collector *c, const struct pending *p)
{
    ssize_t n = recv(p->fd, c->note, sizeof c->note, MSG_DONTWAIT);
    if (n > 0) {
        take_note(c, bytes_of(c->note, (size_t)n));
        return true;
    }
    bool is_early = n < 0 && (errno == EAGAIN || errno == EINTR);
    return !is_early || clock_monotonic_ns() - p->since_ns > PENDING_NS;
}

bool collector_take(struct collector *c)
{
    bool is_any = false;
    size_t kept = 0;
    accept_all(c);
    for (size_t i = 0; i < c->n_pending; i++) {
        if (read_pending(c, &c->pending[i])) {
            close(c->pending[i].fd);
            is_any = true;
        } else {
            c->pending[kept++] = c->pending[i];
        }
    }
    c->n_pending = kept;
    return is_any;
}

size_t collector_polls(const struct collector *c, struct pollfd *out)
{
    size_t n = 0;
    if (c->n_pending < PENDING_MAX) {
        out[n++] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
    }
    for (size_t i = 0; i < c->n_pending; i++) {
        out[n++] = (struct pollfd){ .fd = c->pending[i].fd, .events = POLLIN };
    }
    return n;
}
