#include "store/problem.h"

#include <stdio.h>
#include <string.h>

static const struct {
    enum problem_kind kind;
    const char *code;
} rows[] = {
#define PROBLEM(symbol, kind, code) { PROBLEM_##kind, code },
#include "store/problems.def"
};

static void put_kind(struct store_problem *p, enum problem_id id)
{
    p->kind = rows[id].kind;
    p->code = rows[id].code;
}

enum status problem_set(struct store_problem *p, enum problem_id id, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->message, sizeof p->message, fmt, args);
    va_end(args);
    put_kind(p, id);
    return ST_USAGE;
}

enum status problem_failed(struct store_problem *p, const struct err *err)
{
    put_kind(p, PROBLEM_ID_FAILED);
    snprintf(p->message, sizeof p->message, "%s", err->text);
    return err->status == ST_OK || err->status == ST_USAGE ? ST_IO : err->status;
}

enum status problem_no_memory(struct store_problem *p)
{
    put_kind(p, PROBLEM_ID_FAILED);
    snprintf(p->message, sizeof p->message, "no memory");
    return ST_NOMEM;
}

struct problem_context *problem_add(struct store_problem *p, bool is_warning, const char *cause)
{
    size_t at = p->n_contexts;
    if (at == PROBLEM_CONTEXTS_MAX) {
        p->n_contexts_left_out++;
        at--; /* the last one is the least important: it makes room */
    } else {
        p->n_contexts++;
    }
    struct problem_context *c = &p->contexts[at];
    *c = (struct problem_context){ .is_warning = is_warning };
    snprintf(c->cause, sizeof c->cause, "%s", cause);
    return c;
}

void problem_clear(struct store_problem *p)
{
    memset(p, 0, sizeof *p);
    p->code = "";
}

const char *problem_code(enum problem_id id)
{
    return rows[id].code;
}

enum problem_kind problem_kind_of(enum problem_id id)
{
    return rows[id].kind;
}
