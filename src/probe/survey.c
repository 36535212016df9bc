#include "probe/survey.h"

#include <ctype.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "base/clock.h"
#include "probe/survey_internal.h"

enum {
    ARENA_BYTES = 1 << 23,
    SILENT_MAX = 3, /* questions in a row that nothing came for: the server does not answer us */
    PROGRESS_EVERY = 4,
};

static const char *const name_ids[] = {
    "right", "none", "wrong", "address", "trailing-dot", "case"
};
static const char *const answer_ids[] = { "not-asked", "no", "yes", "uncertain" };
static const char *const severity_ids[] = { "info", "low", "medium", "high" };

static const struct {
    const char *id, *summary;
} tolerances[] = {
    { "grease", "GREASE values (RFC 8701)" },
    { "post-quantum-size", "a hello of post-quantum size" },
    { "256-to-511-bytes", "a hello of 256 to 511 bytes" },
    { "many-suites", "a hello with every cipher suite" },
    { "segments", "a hello split over TCP segments" },
    { "records", "a hello split over records" },
    { "later-version", "a version above TLS 1.2 in legacy_version" },
    { "unknown-version", "an unknown version in supported_versions" },
    { "unknown-extension", "an unknown extension" },
    { "no-extensions", "a hello without extensions" },
    { "record-version", "TLS 1.2 as the version of the first record" },
};

const char *survey_name_id(enum survey_name n)
{
    return name_ids[n];
}

const char *survey_answer_id(enum survey_answer a)
{
    return answer_ids[a];
}

const char *survey_severity_id(enum survey_severity s)
{
    return severity_ids[s];
}

bool survey_severity_by_id(const char *id, enum survey_severity *out)
{
    for (unsigned i = 0; i < ARRAY_LEN(severity_ids); i++) {
        if (strcmp(id, severity_ids[i]) == 0) {
            *out = (enum survey_severity)i;
            return true;
        }
    }
    return false;
}

const char *survey_tolerance_id(enum survey_tolerance t)
{
    return tolerances[t].id;
}

const char *survey_tolerance_summary(enum survey_tolerance t)
{
    return tolerances[t].summary;
}

static void put_word(char *to, size_t room, const char *from)
{
    size_t n = strlen(from) < room - 1 ? strlen(from) : room - 1;
    (void)bytes_copy(to, room, bytes_of(from, n));
    to[n] = '\0';
}

/* The names of the SNI matrix that are made from the right one. */
static void make_names(struct survey *s)
{
    const char *name = s->facts.server_name;
    struct text address = { 0 };
    endpoint_put_host(&address, &s->facts.address);
    put_word(s->address_text, sizeof s->address_text, text_str(&address));
    text_deinit(&address);
    put_word(s->case_name, sizeof s->case_name, name);
    for (size_t i = 0; s->case_name[i] != '\0'; i += 2) {
        s->case_name[i] = (char)toupper((unsigned char)s->case_name[i]);
    }
    put_word(s->dot_name, sizeof s->dot_name - 1, name);
    size_t len = strlen(s->dot_name);
    put_word(s->dot_name + len, 2, ".");
}

static enum status set_up(struct survey *s, struct err *err)
{
    static const uint16_t versions[SURVEY_VERSIONS] = { 0x0304, 0x0303, 0x0302,
                                                        0x0301, 0x0300, 0x0002 };
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        s->facts.versions[i].version = versions[i];
    }
    for (size_t i = 0; i < SURVEY_N_NAMES; i++) {
        s->facts.sni[i].chain = -1;
    }
    s->arena.limit_bytes = ARENA_BYTES;
    unsigned most = s->options.polite ? SURVEY_CONNECTIONS_POLITE : SURVEY_CONNECTIONS;
    s->most = s->options.max_connections != 0 ? s->options.max_connections : most;
    s->budget = s->most;
    make_names(s);
    survey_candidates(s);
    if (RAND_bytes(s->random, sizeof s->random) != 1 ||
        !tls_key_share_init(&s->shares[0], 0x001d) || !tls_key_share_init(&s->shares[1], 0x0017) ||
        !tls_key_share_init(&s->large_share, 0x11ec)) {
        return err_set(err, ST_NOMEM, "OpenSSL makes no keys");
    }
    s->n_shares = 2;
    return ST_OK;
}

enum status survey_new(const struct dial_target *target, const struct endpoint *address,
                       const struct survey_options *options, struct survey **out, struct err *err)
{
    struct survey *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    s->options = *options;
    s->facts.target = target;
    s->facts.address = *address;
    s->facts.server_name = dial_server_name(target);
    enum status st = set_up(s, err);
    if (st != ST_OK) {
        survey_free(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void survey_free(struct survey *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARES_MAX; i++) {
        tls_key_share_deinit(&s->shares[i]);
    }
    tls_key_share_deinit(&s->large_share);
    for (size_t i = 0; i < ARRAY_LEN(s->session); i++) {
        SSL_SESSION_free(s->session[i]);
    }
    for (size_t i = 0; i < s->n_taken; i++) {
        x509_chain_unref(s->taken[i]);
    }
    arena_deinit(&s->arena);
    free(s);
}

const struct survey_facts *survey_facts(const struct survey *s)
{
    return &s->facts;
}

/* --- the asker --- */

static bool take_single(struct survey *s, unsigned from, unsigned to, struct probe_question *q)
{
    for (unsigned t = from; t <= to; t++) {
        if (survey_next_single(s, (enum single_topic)t, q)) {
            return true;
        }
    }
    return false;
}

/* What other answers depend on comes first, in turn; what stands alone fills the room that is left.
 */
static bool take_list(struct survey *s, struct probe_question *q)
{
    if (survey_next_of_list(s, LIST_TLS12, q)) {
        return true;
    }
    static const uint8_t turns[] = { LIST_TLS13, LIST_ALPN,         LIST_GROUPS13, LIST_TLS11,
                                     LIST_TLS10, LIST_SIGNATURES13, LIST_TLS11,    LIST_TLS10,
                                     LIST_RSA12, LIST_ECDSA12,      LIST_GROUPS12, LIST_SSL30 };
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        unsigned at = (s->turn + (unsigned)i) % ARRAY_LEN(turns);
        if (survey_next_of_list(s, (enum list_topic)turns[at], q)) {
            s->turn = at + 1;
            return true;
        }
    }
    return false;
}

static bool is_late(const struct survey *s)
{
    int64_t now_ns = clock_monotonic_ns();
    return now_ns - s->started_ns > SURVEY_LIMIT_S * NS_PER_S ||
           (s->options.deadline_ns != 0 && now_ns >= s->options.deadline_ns);
}

/* What matters most first: the usual handshake, sessions, each list's share, names, certificates.
 * What is left of the connections goes to the lists, then to oddities. */
static bool take_politely(struct survey *s, struct probe_question *q)
{
    unsigned n_open = s->n_asked - s->n_answered;
    if (probe_lane_facts(s->lane)->n_connections + n_open >= s->most) {
        return false; /* what is open may have to be asked twice */
    }
    s->is_generous = false;
    if (take_list(s, q) || take_single(s, SINGLE_NORMAL, SINGLE_TOLERANCE_FIRST - 1, q)) {
        return true;
    }
    if (n_open > 0) {
        return false; /* the answers may bring more of that */
    }
    s->is_generous = true;
    return take_list(s, q) || take_single(s, SINGLE_TOLERANCE_FIRST, N_SINGLES - 1, q);
}

static bool take(struct survey *s, struct probe_question *q)
{
    return take_single(s, SINGLE_NORMAL, SINGLE_NORMAL, q) ||
           take_single(s, SINGLE_FINISH13, SINGLE_RESUME12_ID, q) ||
           (s->options.polite ? take_politely(s, q)
                              : take_list(s, q) || take_single(s, SINGLE_SSL20, N_SINGLES - 1, q));
}

static bool next(void *arg, struct probe_question *q)
{
    struct survey *s = arg;
    *q = (struct probe_question){ 0 };
    if (s->facts.is_given_up || s->budget == 0) {
        return false;
    }
    if (is_late(s)) {
        s->facts.is_given_up = true;
        return false;
    }
    /* Asking for what is next also finds that a list is over, or a question needless; another that
     * was passed already may have waited for that. */
    bool found = take(s, q) || take(s, q);
    s->n_asked += found ? 1 : 0;
    return found && !q->wire.failed;
}

static void note_reach(struct survey *s, const struct probe_outcome *o)
{
    struct survey_facts *f = &s->facts;
    bool answered =
        o->end == PROBE_ALERT || o->flight->sslv2_hello.p != NULL ||
        (o->flight->has_hello && o->flight->hello_fault.kind == FAULT_NONE && o->end < PROBE_ALERT);
    bool is_first = s->n_answered == 0;
    if (is_first) {
        f->first_end = o->end;
    }
    if (o->end != PROBE_NOT_REACHED && o->end != PROBE_NO_DIALOGUE && o->end != PROBE_BROKEN) {
        f->is_reached = true;
    }
    f->speaks_tls |= answered;
    if (!answered && f->why == NULL && o->why.status != ST_OK) {
        f->why = arena_strndup(&s->arena, o->why.text, strlen(o->why.text));
    }
    /* Nothing was ever reached, or nothing but silence: more of the same is no use. */
    s->n_silent_in_row =
        answered || o->end == PROBE_CLOSED || o->end == PROBE_RESET ? 0 : s->n_silent_in_row + 1;
    if (!f->speaks_tls && s->n_silent_in_row >= SILENT_MAX) {
        f->is_given_up = true;
    }
    if (!f->is_reached && is_first) {
        f->is_given_up = true;
    }
}

static void answered(void *arg, const struct probe_question *q, const struct probe_outcome *o)
{
    struct survey *s = arg;
    unsigned topic = (unsigned)(q->id >> 32);
    note_reach(s, o);
    s->n_answered++;
    if (topic < N_LISTS) {
        survey_answer_of_list(s, (enum list_topic)topic, (unsigned)(q->id & 0xffffffff), o);
    } else {
        survey_answer_of_single(s, (enum single_topic)(topic - N_LISTS), o);
    }
    if (s->options.progress != NULL && s->n_answered % PROGRESS_EVERY == 0) {
        s->options.progress(s->options.progress_arg, &s->facts, s->n_asked, s->n_answered);
    }
}

static enum survey_answer staples(const struct survey_facts *f)
{
    for (size_t i = 0; i < f->n_chains; i++) {
        if (f->chains[i].has_staple) {
            return SURVEY_YES;
        }
    }
    return f->n_chains > 0 ? SURVEY_NO : SURVEY_NOT_ASKED;
}

static void over(void *arg)
{
    struct survey *s = arg;
    s->facts.lane = *probe_lane_facts(s->lane);
    s->facts.took_ns = clock_monotonic_ns() - s->started_ns;
    s->facts.is_given_up |= is_late(s);
    survey_collect_lists(s);
    s->facts.staples = staples(&s->facts);
    survey_settle(s);
    survey_find(s);
    if (s->over != NULL) {
        s->over(s->over_arg);
    }
}

enum status survey_start(struct survey *s, struct probe_engine *engine, void (*on_over)(void *arg),
                         void *arg, struct err *err)
{
    struct probe_asker asker = { s, next, answered, over };
    s->engine = engine;
    s->over = on_over;
    s->over_arg = arg;
    s->started_ns = clock_monotonic_ns();
    return probe_engine_add(engine, s->facts.target, &s->facts.address, &asker, &s->lane, err);
}
