#include "store/remark.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

enum { TEXT_MAX = 1024, REMARKS_MORE_MAX = 2 * REMARKS_MAX };

static bool grow(struct remarks *r)
{
    if (r->n < r->cap) {
        return true;
    }
    size_t cap = r->cap == 0 ? 8 : r->cap * 2;
    struct remark *list = arena_alloc_array(r->arena, cap, sizeof *list);
    if (list == NULL) {
        return false;
    }
    for (size_t i = 0; i < r->n; i++) {
        list[i] = r->list[i];
    }
    r->list = list;
    r->cap = cap;
    return true;
}

static void add(struct remarks *r, const struct remark *remark)
{
    if (r->n >= REMARKS_MAX && remark->level < REMARK_ERROR) {
        r->n_left_out++;
        return;
    }
    if (r->n >= REMARKS_MORE_MAX) { /* room is kept for what decides */
        r->n_left_out++;
        return;
    }
    if (remark->text == NULL || !grow(r)) {
        r->failed = true;
        return;
    }
    r->list[r->n++] = *remark;
}

void remarks_add(struct remarks *r, enum remark_level level, const char *code, struct place at,
                 const char *fmt, ...)
{
    char raw[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(raw, sizeof raw, fmt, args); /* a long one is cut */
    va_end(args);

    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(raw));
    struct remark remark = { .level = level,
                             .code = code,
                             .file = at.file,
                             .line = at.line,
                             .column = at.column,
                             .text = safe.failed
                                         ? NULL
                                         : arena_strndup(r->arena, text_str(&safe), safe.len) };
    text_deinit(&safe);
    add(r, &remark);
}

const struct remark *remarks_worst(const struct remarks *r, enum remark_level least)
{
    const struct remark *worst = NULL;
    for (size_t i = 0; i < r->n; i++) {
        bool is_worse = worst == NULL ? r->list[i].level >= least : r->list[i].level > worst->level;
        if (is_worse) {
            worst = &r->list[i];
        }
    }
    return worst;
}

const char *remark_sentence(struct arena *arena, const struct remark *r)
{
    if (r->file == NULL && r->line == 0) {
        return arena_printf(arena, "%s", r->text);
    }
    if (r->line == 0) {
        return arena_printf(arena, "%s: %s", r->file, r->text);
    }
    return arena_printf(arena, "%s%sline %u, column %u: %s", r->file == NULL ? "" : r->file,
                        r->file == NULL ? "" : ", ", r->line, r->column, r->text);
}

const char *remark_level_id(enum remark_level level)
{
    static const char *const ids[] = { "warning", "unsafe", "error", "broken" };
    return ids[level];
}
