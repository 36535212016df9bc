#include "probe/replay_main.h"

#include "base/status.h"
#include "tls/prelude.h"

/* How the client of the capture came to TLS is how the replay comes to it. */
static enum dial_starttls starttls_of(enum prelude_kind kind)
{
    switch (kind) {
    case PRELUDE_SMTP:
        return DIAL_SMTP;
    case PRELUDE_LMTP:
        return DIAL_LMTP;
    case PRELUDE_IMAP:
        return DIAL_IMAP;
    case PRELUDE_POP3:
        return DIAL_POP3;
    case PRELUDE_FTP:
        return DIAL_FTP;
    case PRELUDE_XMPP:
        return DIAL_XMPP_CLIENT;
    case PRELUDE_LDAP:
        return DIAL_LDAP;
    case PRELUDE_NNTP:
        return DIAL_NNTP;
    case PRELUDE_SIEVE:
        return DIAL_SIEVE;
    case PRELUDE_IRC:
        return DIAL_IRC;
    case PRELUDE_POSTGRESQL:
        return DIAL_POSTGRES;
    case PRELUDE_MYSQL:
        return DIAL_MYSQL;
    case PRELUDE_RDP:
        return DIAL_RDP;
    case PRELUDE_TDS:
        return DIAL_MSSQL;
    case PRELUDE_NONE:
    case PRELUDE_PROXY:
    case PRELUDE_HTTP_CONNECT:
    case PRELUDE_SOCKS:
    case PRELUDE_N_KINDS:
        return DIAL_NO_STARTTLS;
    }
    return DIAL_NO_STARTTLS;
}

/* "host:443", "[::1]:443"; a scheme brings a port of its own. */
static bool names_port(const char *s)
{
    const char *bracket = strchr(s, ']');
    const char *colon = strchr(s, ':');
    if (strstr(s, "://") != NULL) {
        return true;
    }
    if (bracket != NULL) {
        return bracket[1] == ':';
    }
    return colon != NULL && strchr(colon + 1, ':') == NULL; /* several: an IPv6 address */
}

bool replay_target_parse(const char *s, struct dial_target *out, char *storage, size_t room)
{
    if (!dial_parse_target(s, out, storage, room)) {
        return false;
    }
    if (!names_port(s)) {
        out->port = 0;
    }
    return true;
}

static void put_json(struct text *out, const struct replay_request *rq,
                     const struct replay_result *r)
{
    struct text verdict = { 0 };
    struct json j = json_start(out);
    report_json(&verdict, rq->captured, &r->verdict);
    json_object(&j, NULL);
    json_str(&j, "type", "replay");
    replay_json(&j, rq, r);
    if (verdict.len > 0) {
        verdict.p[verdict.len - 1] = '\0'; /* the newline */
        json_raw(&j, "verdict", verdict.p);
    } else {
        json_null(&j, "verdict");
    }
    json_end_object(&j);
    text_putc(out, '\n');
    text_deinit(&verdict);
}

static enum status show(const struct replay_options *o, const struct replay_request *rq,
                        const struct replay_result *r, struct err *err)
{
    struct text out = { 0 };
    if (o->use_json) {
        put_json(&out, rq, r);
    } else {
        replay_text(&out, rq, r, &o->style);
    }
    bool written =
        !out.failed && fwrite(text_str(&out), 1, out.len, o->out) == out.len && fflush(o->out) == 0;
    text_deinit(&out);
    return written ? ST_OK : err_sys(err, "output");
}

static enum status prove(const struct replay_options *o, const struct replay_request *rq,
                         struct replay_result *r, struct arena *arena, struct err *err)
{
    TRY(replay_run(rq, arena, r, err));
    return show(o, rq, r, err);
}

enum status replay_prove(const struct replay_options *options, const struct transcript *t,
                         const struct verdict *v, enum replay_outcome *out_outcome, struct err *err)
{
    struct dial_target target = options->target;
    struct endpoint addresses[8];
    size_t n = 0;
    target.port = target.port == 0 ? t->server.port : target.port;
    if (target.starttls == DIAL_NO_STARTTLS) {
        target.starttls = starttls_of(t->prelude);
    }
    TRY(dial_resolve(&target, addresses, ARRAY_LEN(addresses), &n, err));
    /* The address of the capture where the name has several. */
    size_t chosen = 0;
    for (size_t i = 0; i < n; i++) {
        chosen = endpoint_same_host(&addresses[i], &t->server) ? i : chosen;
    }
    struct arena arena = { .limit_bytes = REPLAY_ARENA_BYTES };
    struct replay_request rq = { .captured = t,
                                 .verdict = v,
                                 .target = &target,
                                 .address = &addresses[chosen],
                                 .parallel = options->parallel,
                                 .timeout_ms = options->timeout_ms };
    struct replay_result *result = arena_alloc(&arena, sizeof *result);
    enum status st = result == NULL ? err_set(err, ST_NOMEM, "no memory")
                                    : prove(options, &rq, result, &arena, err);
    if (result != NULL) {
        *out_outcome = result->outcome;
        replay_result_deinit(result);
    }
    arena_deinit(&arena);
    return st;
}

struct proving {
    const struct replay_options *options;
    enum replay_outcome *out_outcome;
};

static enum status on_found(void *arg, const struct transcript *t, const struct verdict *v,
                            struct err *err)
{
    struct proving *p = arg;
    return replay_prove(p->options, t, v, p->out_outcome, err);
}

enum status replay_main(const struct replay_options *options, enum replay_outcome *out_outcome,
                        struct err *err)
{
    struct proving proving = { options, out_outcome };
    struct replay_choice choice;
    if (!replay_choice_parse(options->capture, &choice)) {
        return err_set(err, ST_USAGE,
                       "--replay '%.200s': it is FILE, FILE:stream=N or FILE:frame=N",
                       options->capture);
    }
    return replay_capture_find(&choice, &options->trust, on_found, &proving, err);
}
