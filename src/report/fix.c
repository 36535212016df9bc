#include "report/fix.h"

#include "base/status.h"
#include "report/blanks.h"
#include "report/report.h"

enum { HOWS_MAX = 4 };

/* clang-format off */
const struct fix_row fix_rows[] = {
#define STEP(cause, detail, party, rejected_by, acts, form) \
    { CAUSE_##cause, detail, ACTOR_##party, ACTOR_##rejected_by, ACTOR_##acts, SOFTWARE_EVERY, form },
#define HOW(software, form) \
    { CAUSE_NONE, NULL, ACTOR_NONE, ACTOR_NONE, ACTOR_NONE, SOFTWARE_##software, form },
#include "report/fixes.def"
};
const size_t fix_n_rows = ARRAY_LEN(fix_rows);

static const struct {
    const char *name;
    const char *program;       /* the start of the names of its programs */
    enum prelude_kind prelude; /* the protocol that it is known by */
    enum direction direction;  /* the hop on which the gateway is this end */
} softwares[SOFTWARE_N] = {
    [SOFTWARE_EVERY]             = { NULL,         NULL,       PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_OPENSSL]           = { "OpenSSL",    "openssl",  PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_NGINX]             = { "nginx",      "nginx",    PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_HAPROXY]           = { "HAProxy",    "haproxy",  PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_APACHE]            = { "Apache",     "apache",   PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_JAVA]              = { "Java",       "java",     PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_CURL]              = { "curl",       "curl",     PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_LINUX]             = { "Linux",      NULL,       PRELUDE_NONE,       DIRECTION_NONE },
    [SOFTWARE_ROUTER]            = { "gateway",    NULL,       PRELUDE_NONE,       DIRECTION_NORTHBOUND },
    [SOFTWARE_MESSAGE_PROCESSOR] = { "gateway",    NULL,       PRELUDE_NONE,       DIRECTION_SOUTHBOUND },
    [SOFTWARE_POSTGRESQL]        = { "PostgreSQL", "postgres", PRELUDE_POSTGRESQL, DIRECTION_NONE },
    [SOFTWARE_MYSQL]             = { "MySQL",      "mysql",    PRELUDE_MYSQL,      DIRECTION_NONE },
    [SOFTWARE_POSTFIX]           = { "Postfix",    "smtp",     PRELUDE_SMTP,       DIRECTION_NONE },
    [SOFTWARE_DOVECOT]           = { "Dovecot",    "dovecot",  PRELUDE_IMAP,       DIRECTION_NONE },
};
/* clang-format on */

/* A certificate cause is about the server's where nobody said otherwise. */
static enum actor party_of(const struct verdict *v)
{
    bool is_server = v->party == ACTOR_NONE && cause_category(v->cause) == CATEGORY_CERTIFICATE;
    return is_server ? ACTOR_SERVER : v->party;
}

static bool applies(const struct fix_row *row, const struct verdict *v)
{
    bool has_detail =
        row->detail == NULL || (v->detail != NULL && strcmp(row->detail, v->detail) == 0);
    bool has_cause = row->cause == v->cause || (row->cause == CAUSE_NONE && row->detail != NULL);
    return row->software == SOFTWARE_EVERY && has_detail && has_cause &&
           (row->party == ACTOR_NONE || row->party == party_of(v)) &&
           (row->rejected_by == ACTOR_NONE || row->rejected_by == v->rejected_by);
}

static bool has_row_for_detail(const struct verdict *v)
{
    for (size_t i = 0; i < fix_n_rows; i++) {
        if (fix_rows[i].detail != NULL && applies(&fix_rows[i], v)) {
            return true;
        }
    }
    return false;
}

/* --- who does it --- */

static bool is_gateway(enum actor acts, enum direction direction)
{
    return (acts == ACTOR_SERVER && direction == DIRECTION_NORTHBOUND) ||
           (acts == ACTOR_CLIENT && direction == DIRECTION_SOUTHBOUND);
}

static const char *place_of(enum actor acts, enum direction direction)
{
    switch (acts) {
    case ACTOR_CLIENT:
        return direction == DIRECTION_SOUTHBOUND   ? "On the gateway (Message Processor): "
               : direction == DIRECTION_NORTHBOUND ? "On the client app: "
                                                   : "On the client: ";
    case ACTOR_SERVER:
        return direction == DIRECTION_SOUTHBOUND   ? "On the backend: "
               : direction == DIRECTION_NORTHBOUND ? "On the gateway (Router): "
                                                   : "On the server: ";
    case ACTOR_NETWORK:
        return "In the network: ";
    case ACTOR_NONE:
    case ACTOR_UNKNOWN:
        break;
    }
    return "";
}

/* --- which software --- */

static const char *base_name(const char *path)
{
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool is_program(enum software s, const char *program)
{
    const char *start = softwares[s].program;
    return start != NULL && program != NULL && strncmp(program, start, strlen(start)) == 0;
}

static bool speaks_prelude(enum software s, enum prelude_kind kind)
{
    if (softwares[s].prelude == PRELUDE_NONE || kind == PRELUDE_NONE) {
        return false;
    }
    bool is_mail_store = s == SOFTWARE_DOVECOT &&
                         (kind == PRELUDE_POP3 || kind == PRELUDE_SIEVE || kind == PRELUDE_LMTP);
    return softwares[s].prelude == kind || is_mail_store;
}

/* The program observed is the one that acts. */
static bool is_inside(const struct transcript *t, enum actor acts)
{
    return t->local == NULL || actor_of_side(t->local->side) == acts;
}

/* How well a software is known to be the one that acts: the best ones of a step are shown. */
static unsigned how_known(enum software s, const struct transcript *t, const struct verdict *v,
                          enum actor acts)
{
    if (softwares[s].direction != DIRECTION_NONE) {
        bool is_it = softwares[s].direction == v->direction && is_gateway(acts, v->direction);
        return is_it ? 4 : 0;
    }
    if (is_inside(t, acts) && is_program(s, base_name(t->program))) {
        return 3;
    }
    if (speaks_prelude(s, t->prelude) && acts == ACTOR_SERVER) {
        return 2;
    }
    return softwares[s].prelude == PRELUDE_NONE ? 1 : 0;
}

/* --- the list --- */

struct fix_list {
    const struct transcript *t;
    const struct verdict *v;
    struct arena *arena;
    struct fix_step *steps;
    size_t n, room;
    struct text line; /* reused */
};

static bool add(struct fix_list *list, const struct fix_row *row)
{
    text_clear(&list->line);
    text_puts(&list->line, place_of(row->acts, list->v->direction));
    if (list->n == list->room || !blanks_fill(&list->line, row->form, list->t, list->v)) {
        return false;
    }
    const char *text = arena_strndup(list->arena, text_str(&list->line), list->line.len);
    if (text == NULL) {
        return false;
    }
    list->steps[list->n] = (struct fix_step){ softwares[row->software].name, text };
    list->n++;
    return true;
}

static size_t end_of_step(size_t step)
{
    size_t end = step + 1;
    while (end < fix_n_rows && fix_rows[end].software != SOFTWARE_EVERY) {
        end++;
    }
    return end;
}

static void add_hows(struct fix_list *list, size_t step)
{
    enum actor acts = fix_rows[step].acts;
    size_t end = end_of_step(step);
    unsigned best = 0;
    for (size_t i = step + 1; i < end; i++) {
        unsigned known = how_known(fix_rows[i].software, list->t, list->v, acts);
        best = known > best ? known : best;
    }
    size_t n = 0;
    for (size_t i = step + 1; i < end && n < HOWS_MAX && best > 0; i++) {
        if (how_known(fix_rows[i].software, list->t, list->v, acts) == best) {
            n += add(list, &fix_rows[i]);
        }
    }
}

size_t report_fix(const struct transcript *t, const struct verdict *v, struct arena *arena,
                  struct fix_step *steps, size_t room)
{
    struct fix_list list = { .t = t, .v = v, .arena = arena, .steps = steps, .room = room };
    bool by_detail = has_row_for_detail(v);
    for (size_t i = 0; i < fix_n_rows; i++) {
        bool is_hidden = by_detail && fix_rows[i].detail == NULL;
        if (applies(&fix_rows[i], v) && !is_hidden && add(&list, &fix_rows[i])) {
            add_hows(&list, i);
        }
    }
    text_deinit(&list.line);
    return list.n;
}
