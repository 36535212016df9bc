#include <inttypes.h>

#include "base/clock.h"
#include "report/describe.h"
#include "report/ladder.h"
#include "report/page.h"
#include "report/wrap.h"

enum { MARK_COLUMNS = 2, FRAME_COLUMNS = 6, TIME_COLUMNS = 11, ARROW_COLUMNS = 10 };
enum { NAME_COLUMNS = 25, NARROW_COLUMNS = 40 }; /* words in fewer columns read badly */
enum { UNDER_NAME = 2, UNDER_MARK = 6 };

/* The frames of a long capture have more digits. */
static int frame_columns(const struct page *p)
{
    int n = 1;
    for (uint64_t left = p->t->last.frame; left > 0; left /= 10) {
        n++;
    }
    return n > FRAME_COLUMNS ? n : FRAME_COLUMNS;
}

static size_t name_at(const struct page *p)
{
    return MARK_COLUMNS + (size_t)frame_columns(p) + TIME_COLUMNS + ARROW_COLUMNS;
}

static void put_place(const struct page *p, const struct event *e)
{
    if (e->when.frame > 0) {
        text_printf(p->out, "%*" PRIu64, frame_columns(p), e->when.frame);
    } else {
        text_printf(p->out, "%*s", frame_columns(p), "-");
    }
    int64_t us = (e->when.at_ns - p->t->first.at_ns) / 1000;
    us = us < 0 ? 0 : us; /* a clock that was set back */
    text_printf(p->out, " %6" PRId64 ".%03" PRId64, us / 1000, us % 1000);
    text_puts(p->out, e->side == SIDE_CLIENT ? "  C -->   " : "    <-- S ");
}

static void put_words(struct page *p, const struct ladder_row *row)
{
    struct text *s = &p->scratch;
    text_clear(s);
    describe_event(s, p->t, row->event);
    if (row->count > 1) {
        text_puts(s, s->len > 0 ? ", " : "");
        text_put_u64(s, row->count);
        text_puts(s, " times");
        int64_t ms = (row->last.at_ns - row->event->when.at_ns) / NS_PER_MS;
        if (ms > 0) {
            text_printf(s, " in %" PRId64 ".%03" PRId64 " s", ms / 1000, ms % 1000);
        }
    }
}

static void put_left_out(const struct page *p, uint64_t n, const char *what)
{
    page_ink(p, INK_DIM);
    text_printf(p->out, "%*s%" PRIu64 " %s", (int)name_at(p), "... ", n, what);
    page_ink(p, INK_PLAIN);
    text_putc(p->out, '\n');
}

/* The scratch: beside the name; on lines of its own where the page is too narrow for that. */
static void put_words_beside(struct page *p, size_t name_columns)
{
    struct bytes words = bytes_of(p->scratch.p, p->scratch.len);
    size_t pad = name_columns < NAME_COLUMNS ? NAME_COLUMNS - name_columns : 0;
    size_t column = name_at(p) + name_columns + pad + 1;
    size_t indent = name_at(p) + NAME_COLUMNS + 1;
    size_t room = p->width > column ? p->width - column : 0;
    if (room < NARROW_COLUMNS && wrap_columns(words) > room) {
        bool is_narrow = p->width < name_at(p) + UNDER_NAME + NARROW_COLUMNS;
        indent = is_narrow ? UNDER_MARK : name_at(p) + UNDER_NAME;
        column = indent;
        text_putc(p->out, '\n');
        wrap_spaces(p->out, indent);
    } else {
        wrap_spaces(p->out, pad + 1);
    }
    struct wrap w = wrap_start(p->out, column, indent, p->width);
    wrap_words(&w, words);
}

static void put_row(struct page *p, const struct ladder_row *row)
{
    if (row->event == NULL) {
        put_left_out(p, row->n_left_out, "rows left out");
        return;
    }
    page_ink(p, row->is_evidence ? INK_YELLOW : INK_PLAIN);
    text_puts(p->out, row->is_evidence ? " *" : "  ");
    put_place(p, row->event);
    text_clear(&p->scratch);
    describe_name(&p->scratch, row->event);
    struct bytes name = bytes_of(p->scratch.p, p->scratch.len);
    size_t columns = wrap_columns(name);
    text_put_safe(p->out, name);
    put_words(p, row);
    if (p->scratch.len > 0) {
        put_words_beside(p, columns);
    }
    page_ink(p, INK_PLAIN);
    text_putc(p->out, '\n');
}

void page_ladder(struct page *p, size_t head, size_t tail)
{
    if (p->t->n_events == 0) {
        return;
    }
    text_putc(p->out, '\n');
    page_ink(p, INK_DIM);
    text_printf(p->out, "%*s%*s%*s%s", MARK_COLUMNS + frame_columns(p), "frame", TIME_COLUMNS, "ms",
                ARROW_COLUMNS, "", p->v->n_evidence > 0 ? "message (* evidence)" : "message");
    page_ink(p, INK_PLAIN);
    text_putc(p->out, '\n');
    struct ladder l = ladder_start(p->t, p->v, head, tail);
    struct ladder_row row;
    while (ladder_next(&l, &row)) {
        put_row(p, &row);
    }
    if (p->t->n_events_dropped > 0) {
        put_left_out(p, p->t->n_events_dropped, "events more, not kept");
    }
}
