#include "probe/replay_steps.h"

#include "base/status.h"

enum {
    SINGLES_MAX = 96, /* of one experiment */
    CONTROLS_MAX = 24,
    PADDING_MATTERS = 252, /* bodies below are in nobody's way: the range of RFC 7685 section 4 */
    PADDED_TO = 512 - 4,
    FULL_PARALLEL = 64,
};

/* --- the name of the certificate --- */

static const char *name_from_certificate(const struct replay *r)
{
    for (size_t i = 0; i < r->result->n_trials; i++) {
        const struct replay_trial *t = &r->result->trials[i];
        const char *name = t->certificate_name;
        if (name != NULL && t->is_answered && name[0] != '*' && strchr(name, ' ') == NULL) {
            return name;
        }
    }
    return NULL;
}

static bool has_helpful(const struct replay *r, const char *id)
{
    for (size_t i = 0; i < r->result->n_trials; i++) {
        const struct replay_trial *t = &r->result->trials[i];
        if (t->mutant != NULL && t->mutant->row != NULL && t->is_answered &&
            strcmp(t->mutant->row->id, id) == 0) {
            return true;
        }
    }
    return false;
}

enum status replay_name_by_certificate(struct replay *r, struct err *err)
{
    const char *name = name_from_certificate(r);
    if (name == NULL || !has_helpful(r, "server-name-removed") ||
        has_helpful(r, "server-name-changed")) {
        return ST_OK;
    }
    struct mutation_hints hints = { .host = bytes_of_str(name) };
    struct mutant *mutants = arena_alloc_array(r->arena, MUTANTS_MAX, sizeof *mutants);
    if (mutants == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    size_t n = mutants_make(&r->base, &hints, r->arena, mutants);
    for (size_t i = 0; i < n; i++) {
        bool is_name = strcmp(mutants[i].row->id, "server-name-changed") == 0;
        struct replay_trial *t = is_name ? replay_plan(r, &mutants[i]) : NULL;
        if (t != NULL) {
            TRY(replay_ask(r, t, 1, 1, false, err));
        }
    }
    return ST_OK;
}

/* --- narrowing --- */

static bool is_narrowable(enum hello_part part)
{
    return part == PART_SUITE || part == PART_GROUP || part == PART_SIGNATURE ||
           part == PART_SIGNATURE_CERT || part == PART_ALPN;
}

static size_t n_narrowable(const struct hello_changes *changes)
{
    size_t n = 0;
    for (size_t i = 0; i < changes->n; i++) {
        bool counts = changes->list[i].is_added && is_narrowable(changes->list[i].part);
        n += counts ? 1 : 0;
    }
    return n;
}

/* Offers more of one thing, and no other version with it. */
static bool is_wide(const struct replay_trial *t)
{
    const struct mutant *m = t->mutant;
    return m != NULL && m->row != NULL && t->is_answered && m->row->kind == MUTATION_ADDS &&
           (m->row->parts & (1U << PART_VERSION)) == 0 && n_narrowable(m->changes) > 1;
}

/* Where the server's choice is to be seen, no other item need be tried. */
static bool may_be_it(const struct replay_trial *t, const struct hello_change *item)
{
    if (!item->is_added || !is_narrowable(item->part)) {
        return false;
    }
    switch ((enum hello_part)item->part) {
    case PART_SUITE:
        return item->value == t->cipher_suite;
    case PART_GROUP:
        return t->group == 0 || item->value == t->group;
    case PART_SIGNATURE:
        return (t->mutant->row->parts & (1U << PART_SUITE)) == 0 &&
               (t->signature == 0 || item->value == t->signature);
    case PART_ALPN:
        return t->alpn.len == 0 || bytes_equal(item->name, t->alpn);
    case PART_SIGNATURE_CERT:
    case PART_LEGACY_VERSION:
    case PART_RANDOM:
    case PART_SESSION_ID:
    case PART_COMPRESSION:
    case PART_BLOCK:
    case PART_EXTENSION:
    case PART_VERSION:
    case PART_SHARE:
    case PART_NAME:
    case PART_ORDER:
    case PART_N:
        return true;
    }
    return true;
}

struct narrowing {
    struct replay_trial *wide;
    struct replay_trial *single;
};

static size_t plan_singles(struct replay *r, struct replay_trial *wide, struct narrowing *out,
                           size_t room)
{
    const struct hello_changes *changes = wide->mutant->changes;
    size_t n = 0;
    for (size_t i = 0; i < changes->n && n < room; i++) {
        struct mutant *m = arena_alloc(r->arena, sizeof *m);
        bool made = m != NULL && may_be_it(wide, &changes->list[i]) &&
                    mutant_single(&r->base, wide->mutant, &changes->list[i], r->arena, m);
        struct replay_trial *t = made ? replay_plan(r, m) : NULL;
        if (t != NULL) {
            out[n++] = (struct narrowing){ wide, t };
        }
    }
    return n;
}

enum status replay_narrow(struct replay *r, struct err *err)
{
    struct narrowing plan[SINGLES_MAX];
    size_t before = r->result->n_trials;
    size_t n = 0;
    for (size_t i = 0; i < before; i++) {
        if (is_wide(&r->result->trials[i])) {
            n += plan_singles(r, &r->result->trials[i], &plan[n], SINGLES_MAX - n);
        }
    }
    if (n == 0) {
        return ST_OK;
    }
    TRY(replay_ask(r, &r->result->trials[before], n, FULL_PARALLEL, false, err));
    for (size_t i = 0; i < n; i++) {
        plan[i].wide->is_superseded = plan[i].wide->is_superseded || plan[i].single->is_answered;
    }
    return ST_OK;
}

/* --- size --- */

static bool is_helpful(const struct replay_trial *t)
{
    return t->mutant != NULL && t->mutant->row != NULL && t->is_answered && !t->is_superseded;
}

static struct replay_trial *plan_padded(struct replay *r, const struct replay_trial *of, size_t len)
{
    struct mutant *m = arena_alloc(r->arena, sizeof *m);
    bool made = m != NULL && mutant_pad(&r->base, of->mutant->body, len, r->arena, m);
    return made ? replay_plan(r, m) : NULL;
}

struct control {
    struct replay_trial *shrunk, *padded;
};

/* The padding extension needs 4 bytes at least: a little longer than it was, where less went. */
static struct replay_trial *plan_control(struct replay *r, const struct replay_trial *shrunk)
{
    size_t least = shrunk->mutant->body.len + 4;
    size_t len = r->base.body.len;
    return plan_padded(r, shrunk, len > least ? len : least);
}

static size_t plan_controls(struct replay *r, struct control *out)
{
    size_t n = 0;
    size_t before = r->result->n_trials;
    for (size_t i = 0; i < before && n < CONTROLS_MAX; i++) {
        struct replay_trial *t = &r->result->trials[i];
        if (is_helpful(t) && t->mutant->body.len < r->base.body.len) {
            struct replay_trial *padded = plan_control(r, t);
            if (padded != NULL) {
                out[n++] = (struct control){ t, padded };
            }
        }
    }
    return n;
}

/* Hellos of 256 to 511 bytes hang some servers: what lifts them above helps by that alone. */
static void drop_what_padding_explains(struct replay *r)
{
    if (!has_helpful(r, "padded-to-512")) {
        return;
    }
    for (size_t i = 0; i < r->result->n_trials; i++) {
        struct replay_trial *t = &r->result->trials[i];
        if (is_helpful(t) && t->mutant->body.len >= PADDED_TO &&
            strcmp(t->mutant->row->id, "padded-to-512") != 0) {
            t->is_superseded = true;
        }
    }
}

enum status replay_control_size(struct replay *r, struct err *err)
{
    struct control controls[CONTROLS_MAX];
    drop_what_padding_explains(r);
    size_t first = r->result->n_trials;
    size_t n = r->base.body.len < PADDING_MATTERS ? 0 : plan_controls(r, controls);
    if (n == 0) {
        return ST_OK;
    }
    /* A server that cannot stand the padding extension itself says nothing about size. */
    struct replay_trial *tolerance =
        plan_padded(r, controls[0].shrunk, controls[0].shrunk->mutant->body.len + 4);
    TRY(replay_ask(r, &r->result->trials[first], r->result->n_trials - first, FULL_PARALLEL, false,
                   err));
    bool stands_padding = tolerance != NULL && tolerance->is_answered;
    for (size_t i = 0; i < n && stands_padding; i++) {
        controls[i].shrunk->is_by_size =
            replay_was_asked(controls[i].padded) && !controls[i].padded->is_answered;
        controls[i].shrunk->control = controls[i].padded;
    }
    return ST_OK;
}
