#include "diagnose/messages.h"

#include <stdlib.h>

#include "diagnose/message_place.h"

enum {
    SEEN_CLIENT = ACTOR_CLIENT,
    SEEN_SERVER = ACTOR_SERVER,
    SEEN_EITHER = ACTOR_UNKNOWN,
};

static const struct message_row table[] = {
#define MESSAGE(stack, seen_by, voice, pattern, meaning, example, ...)                               \
    {                                                                                                \
        stack, (enum actor)SEEN_##seen_by, VOICE_##voice, pattern, meaning, example, { __VA_ARGS__ } \
    },
#include "diagnose/messages.def"
};

enum { N_ROWS = sizeof table / sizeof table[0], MATCHES_MAX = 64 };

/* What only one side can refuse for. */
static const struct {
    enum cause cause;
    enum actor refuser;
} refusers[] = {
    { CAUSE_PLAINTEXT_CLIENT, ACTOR_SERVER },
    { CAUSE_PLAINTEXT_SERVER, ACTOR_CLIENT },
    { CAUSE_FALLBACK_REFUSED, ACTOR_SERVER },
    { CAUSE_CLIENT_CERTIFICATE_MISSING, ACTOR_SERVER },
    { CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, ACTOR_CLIENT },
    { CAUSE_SNI_MISSING, ACTOR_SERVER },
    { CAUSE_SNI_UNRECOGNIZED, ACTOR_SERVER },
    { CAUSE_PSK_UNKNOWN, ACTOR_SERVER },
};

struct message_table {
    struct message_matcher *matcher;
};

const struct message_row *message_rows(size_t *out_n)
{
    *out_n = N_ROWS;
    return table;
}

enum status message_table_new(struct message_table **out, struct err *err)
{
    const char *patterns[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++) {
        patterns[i] = table[i].pattern;
    }
    struct message_table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(err, ST_NOMEM, "messages: no memory");
    }
    enum status st = message_matcher_new(patterns, N_ROWS, &t->matcher, err);
    if (st != ST_OK) {
        free(t);
        return st;
    }
    *out = t;
    return ST_OK;
}

void message_table_free(struct message_table *t)
{
    if (t == NULL) {
        return;
    }
    message_matcher_free(t->matcher);
    free(t);
}

static size_t count_causes(const struct message_row *row)
{
    size_t n = 0;
    while (n < MESSAGE_ROW_CAUSES_MAX && row->causes[n] != CAUSE_NONE) {
        n++;
    }
    return n;
}

/* Rule 1 of the header; less than 0: `a` comes first. */
static int by_rank(const void *left, const void *right)
{
    const struct message_match *a = left;
    const struct message_match *b = right;
    const struct message_row *x = &table[a->pattern];
    const struct message_row *y = &table[b->pattern];
    bool wraps_x = x->voice == VOICE_WRAPS;
    bool wraps_y = y->voice == VOICE_WRAPS;
    if (wraps_x != wraps_y) {
        return wraps_x ? 1 : -1;
    }
    if (a->n_letters != b->n_letters) {
        return a->n_letters > b->n_letters ? -1 : 1;
    }
    return a->pattern < b->pattern ? -1 : a->pattern > b->pattern ? 1 : 0;
}

static bool names_cause(const struct message_reading *r, enum cause cause)
{
    for (size_t i = 0; i < r->n_causes; i++) {
        if (r->causes[i].cause == cause) {
            return true;
        }
    }
    return false;
}

static size_t count_shared(const struct message_reading *r, const struct message_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < count_causes(row); i++) {
        n += names_cause(r, row->causes[i]) ? 1 : 0;
    }
    return n;
}

static size_t count_named_by(const struct message_row *lead, const struct message_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < count_causes(row); i++) {
        for (size_t k = 0; k < count_causes(lead); k++) {
            n += lead->causes[k] == row->causes[i] ? 1 : 0;
        }
    }
    return n;
}

static void append_causes(struct message_reading *r, const struct message_row *row)
{
    for (size_t i = 0; i < count_causes(row) && r->n_causes < MESSAGE_CAUSES_MAX; i++) {
        r->causes[r->n_causes++] = (struct message_cause){ row->causes[i], row };
    }
}

static void move_to_front(struct message_reading *r, struct message_cause cause, size_t to)
{
    size_t from = to;
    while (from < r->n_causes && r->causes[from].cause != cause.cause) {
        from++;
    }
    for (size_t i = from; i > to && i < r->n_causes; i--) {
        r->causes[i] = r->causes[i - 1];
    }
    if (from < r->n_causes) {
        r->causes[to] = cause;
    }
}

/* Rules 2 and 3. Only what the leading message names is narrowed. */
static void add_row(struct message_reading *r, const struct message_row *row)
{
    size_t n_lead = r->n_rows == 0 ? 0 : count_causes(r->rows[0]);
    size_t n_shared = count_shared(r, row);
    size_t n = count_causes(row);
    bool names_reason = r->n_rows == 0 || row->voice != VOICE_WRAPS;
    if (r->n_rows < MESSAGE_ROWS_MAX) {
        r->rows[r->n_rows++] = row;
    }
    if (names_reason && n_shared == 0) {
        append_causes(r, row);
    } else if (names_reason && n < n_lead && count_named_by(r->rows[0], row) == n) {
        for (size_t i = 0; i < n; i++) {
            move_to_front(r, (struct message_cause){ row->causes[i], row }, i);
        }
    }
}

static enum actor other_side(enum actor side)
{
    if (side == ACTOR_CLIENT) {
        return ACTOR_SERVER;
    }
    return side == ACTOR_SERVER ? ACTOR_CLIENT : ACTOR_UNKNOWN;
}

static enum actor first_seen_by(const struct message_reading *r)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        if (r->rows[i]->seen_by != ACTOR_UNKNOWN) {
            return r->rows[i]->seen_by;
        }
    }
    return ACTOR_UNKNOWN;
}

static enum actor who_refused(const struct message_reading *r)
{
    switch (r->rows[0]->voice) {
    case VOICE_OWN:
    case VOICE_LOCAL:
        return r->seen_by;
    case VOICE_PEER:
        return other_side(r->seen_by);
    case VOICE_NONE:
    case VOICE_WRAPS:
        return ACTOR_UNKNOWN;
    }
    return ACTOR_UNKNOWN;
}

static bool can_refuse(enum actor side, enum cause cause)
{
    for (size_t i = 0; i < ARRAY_LEN(refusers); i++) {
        if (refusers[i].cause == cause) {
            return refusers[i].refuser == side;
        }
    }
    return true;
}

static size_t take_causes(const struct message_reading *r, bool refusable,
                          struct message_cause *out, size_t n)
{
    for (size_t i = 0; i < r->n_causes; i++) {
        if (can_refuse(r->rejected_by, r->causes[i].cause) == refusable) {
            out[n++] = r->causes[i];
        }
    }
    return n;
}

/* Rule 4: stable, so that the order within both halves stays. */
static void sort_causes(struct message_reading *r)
{
    struct message_cause sorted[MESSAGE_CAUSES_MAX];
    size_t n = take_causes(r, true, sorted, 0);
    n = take_causes(r, false, sorted, n);
    for (size_t i = 0; i < n; i++) {
        r->causes[i] = sorted[i];
    }
}

/* A certificate is refused by the other side. */
static enum actor party_of(const struct message_reading *r)
{
    enum cause first = r->causes[0].cause;
    if (first == CAUSE_CLIENT_CERTIFICATE_MISSING) {
        return ACTOR_CLIENT;
    }
    if (cause_category(first) != CATEGORY_CERTIFICATE) {
        return ACTOR_NONE;
    }
    return other_side(r->rejected_by);
}

static bool is_within_earlier(const struct message_match *matches, size_t i)
{
    const struct message_match *m = &matches[i];
    for (size_t k = 0; k < i; k++) {
        if (m->at >= matches[k].at && m->at + m->len <= matches[k].at + matches[k].len) {
            return true;
        }
    }
    return false;
}

bool message_read(struct message_table *t, struct bytes line, struct message_reading *out)
{
    struct message_match matches[MATCHES_MAX];
    *out = (struct message_reading){ 0 };
    line = bytes_head(line, MESSAGE_LINE_MAX);
    size_t n = message_matcher_find(t->matcher, line, matches, MATCHES_MAX);
    if (n == 0) {
        return false;
    }
    qsort(matches, n, sizeof matches[0], by_rank);
    for (size_t i = 0; i < n; i++) {
        if (!is_within_earlier(matches, i)) {
            add_row(out, &table[matches[i].pattern]);
        }
    }
    enum actor told = message_find_side(line);
    out->seen_by = told != ACTOR_UNKNOWN ? told : first_seen_by(out);
    out->rejected_by = who_refused(out);
    if (out->rejected_by != ACTOR_UNKNOWN && out->rows[0]->voice != VOICE_LOCAL) {
        sort_causes(out);
    }
    out->party = party_of(out);
    message_find_host(line, &out->host, &out->port);
    return true;
}
