/*
 * What the wire showed: the certificates of the handshakes in a capture, as inputs.
 *
 * The same chain for the same name is one input, however many connections showed it.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/engine.h"
#include "tls/names.h"
#include "transcript/from_capture.h"

enum { CAPTURE_INPUTS_MAX = 4096 };

struct capture_reading {
    struct check *c;
    const char *path;
    int64_t stream; /* -1: all */
    size_t first_input;
    bool stream_is_there, handshake_is_there, is_full;
    enum status status;
};

bool gather_is_capture(const char *path)
{
    static const uint8_t magics[][4] = {
        { 0xa1, 0xb2, 0xc3, 0xd4 }, { 0xd4, 0xc3, 0xb2, 0xa1 }, /* pcap, microseconds */
        { 0xa1, 0xb2, 0x3c, 0x4d }, { 0x4d, 0x3c, 0xb2, 0xa1 }, /* nanoseconds */
        { 0x0a, 0x0d, 0x0d, 0x0a },                             /* pcapng */
        { 0x28, 0xb5, 0x2f, 0xfd },                             /* zstd */
        { 0x1f, 0x8b, 0x08, 0x00 }, { 0x1f, 0x8b, 0x08, 0x08 }, /* gzip, without and with a name */
    };
    uint8_t start[4] = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, start, sizeof start);
    bool is_capture = false;
    for (size_t i = 0; i < ARRAY_LEN(magics) && n == (ssize_t)sizeof start; i++) {
        is_capture = is_capture || memcmp(start, magics[i], sizeof start) == 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return is_capture;
}

bool gather_split_stream(const char *name, char **out_path, int64_t *out_stream)
{
    struct stat info;
    const char *colon = strrchr(name, ':');
    char *end = NULL;
    if (colon == NULL || isdigit((unsigned char)colon[1]) == 0) {
        return false;
    }
    unsigned long long stream = strtoull(colon + 1, &end, 10);
    char *path = *end != '\0' || stream > INT64_MAX ? NULL : strndup(name, (size_t)(colon - name));
    if (path == NULL || stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        free(path);
        return false;
    }
    *out_path = path;
    *out_stream = (int64_t)stream;
    return true;
}

static bool hold(struct check *c, const struct x509_chain *chain)
{
    if (c->n_held == c->cap_held) {
        size_t cap = c->cap_held == 0 ? 16 : c->cap_held * 2;
        const struct x509_chain **grown = realloc(c->held, cap * sizeof(const struct x509_chain *));
        if (grown == NULL) {
            return false;
        }
        c->held = grown;
        c->cap_held = cap;
    }
    c->held[c->n_held++] = x509_chain_ref(chain);
    return true;
}

/* The same bytes give the same views: the store has each certificate once. */
static bool is_known(const struct capture_reading *r, const struct x509_chain *chain,
                     const char *host, bool is_client)
{
    const struct pool *p = &r->c->pool;
    for (size_t i = r->first_input; i < p->n_inputs; i++) {
        const struct pool_input *in = &p->inputs[i];
        bool same_host = in->host == NULL || host == NULL ? in->host == NULL && host == NULL
                                                          : strcmp(in->host, host) == 0;
        bool is_same = same_host && in->is_client == is_client && in->n == x509_chain_n(chain);
        for (size_t k = 0; is_same && k < in->n; k++) {
            is_same = bytes_equal(p->certs[in->first + k].der, x509_chain_der(chain, k));
        }
        if (is_same) {
            return true;
        }
    }
    return false;
}

static void keep_ca_names(struct check *c, struct pool_input *in, const struct transcript *t)
{
    const struct tls_certificate_request *request = t->certificate_request;
    if (request == NULL) {
        return;
    }
    in->asked_for_certificate = true;
    in->ca_names = arena_copy(&c->arena, request->authorities);
}

static enum status take_side(struct capture_reading *r, const struct transcript *t, enum side side)
{
    struct check *c = r->c;
    const struct side_facts *facts = &t->side[side];
    bool is_client = side == SIDE_CLIENT;
    const char *host = is_client ? NULL : t->server_name;
    if (facts->chain == NULL || x509_chain_n(facts->chain) == 0 ||
        is_known(r, facts->chain, host, is_client)) {
        return ST_OK;
    }
    if (c->pool.n_inputs - r->first_input >= CAPTURE_INPUTS_MAX) {
        r->is_full = true;
        return ST_OK;
    }
    const char *name = check_say(c, "%s:%llu%s", r->path, (unsigned long long)t->stream,
                                 is_client ? " (client)" : "");
    struct pool_input *in = pool_open_input(&c->pool, CHECK_CAPTURE, name);
    if (in == NULL || !hold(c, facts->chain)) {
        return ST_NOMEM;
    }
    in->format = tls_version_name(t->version);
    in->host = host == NULL ? NULL : arena_strndup(&c->arena, host, strlen(host));
    in->is_client = is_client;
    in->at_s = t->first.at_ns / NS_PER_S;
    in->ocsp_response = arena_copy(&c->arena, facts->ocsp_response);
    keep_ca_names(c, in, t);
    for (size_t i = 0; i < x509_chain_n(facts->chain); i++) {
        struct pool_cert cert = { .der = x509_chain_der(facts->chain, i) };
        TRY(pool_add(&c->pool, &cert));
    }
    return ST_OK;
}

static bool on_ended(void *arg, const struct transcript *t)
{
    struct capture_reading *r = arg;
    if (r->stream >= 0 && (uint64_t)r->stream != t->stream) {
        return false;
    }
    r->stream_is_there = true;
    r->handshake_is_there = r->handshake_is_there || t->hello != NULL;
    for (int side = SIDE_CLIENT; side <= SIDE_SERVER && r->status == ST_OK; side++) {
        r->status = take_side(r, t, (enum side)side);
    }
    return false;
}

struct capture_tools {
    struct keylog *keylog;
    struct capture *capture;
    struct watcher *watcher;
};

static void on_keylog(void *arg, struct bytes text)
{
    struct capture_tools *tools = arg;
    (void)!keylog_add(tools->keylog, text, NULL); /* less is opened without them */
}

static enum status read_all(struct capture_reading *r, struct capture_tools *tools, struct err *err)
{
    const struct check_request *rq = r->c->rq;
    struct capture_options options = { .secrets = { on_keylog, tools }, .idle_ms = -1 };
    struct watcher_options watching = { .sink = { on_ended, NULL, r }, .store = r->c->store };
    TRY(keylog_new(&tools->keylog, err));
    for (size_t i = 0; i < rq->keylogs.n; i++) {
        TRY(keylog_add_file(tools->keylog, rq->keylogs.p[i], err));
    }
    watching.keylog = tools->keylog;
    TRY(capture_open(r->path, &options, &tools->capture, err));
    TRY(watcher_new(&watching, &tools->watcher, err));
    TRY(watcher_start_capture(tools->watcher, r->path, err));
    enum status st = watcher_read(tools->watcher, tools->capture, err);
    watcher_finish(tools->watcher);
    return st;
}

static void tell_what_is_missing(struct capture_reading *r, const struct capture *capture)
{
    struct check *c = r->c;
    const struct capture_end *end = capture_end(capture);
    if (end->kind != CAPTURE_END_CLEAN) {
        check_error(c, check_say(c, "%s: %s", r->path, end->reason));
    }
    if (r->is_full) {
        check_note(c, "%s: more than %d different chains; the rest was not looked at", r->path,
                   CAPTURE_INPUTS_MAX);
    }
    if (c->pool.n_inputs > r->first_input) {
        return;
    }
    const char *why = r->stream >= 0 && !r->stream_is_there
                          ? "there is no such stream of TLS in it"
                          : (r->handshake_is_there
                                 ? "no certificate can be read: TLS 1.3 encrypts them (--keylog)"
                                 : "there is no TLS handshake in it");
    check_error(c, check_say(c, "%s: %s", r->path, why));
}

enum status gather_capture(struct check *c, const char *path, int64_t stream, struct err *err)
{
    struct capture_reading r = {
        .c = c, .path = path, .stream = stream, .first_input = c->pool.n_inputs
    };
    struct capture_tools tools = { 0 };
    struct err why = { 0 };
    enum status st = read_all(&r, &tools, &why);
    if (st == ST_OK && r.status == ST_OK) {
        tell_what_is_missing(&r, tools.capture);
    } else if (st != ST_OK && st != ST_NOMEM) {
        check_error(c, why.text);
        st = ST_OK;
    }
    watcher_free(tools.watcher);
    capture_free(tools.capture);
    keylog_free(tools.keylog);
    return st == ST_OK && r.status == ST_OK ? ST_OK : check_no_memory(err);
}
