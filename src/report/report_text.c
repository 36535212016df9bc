#include "report/describe.h"
#include "report/ladder.h"
#include "report/page.h"
#include "report/wrap.h"

enum { FIX_STEPS_MAX = 40, FIX_ARENA_BYTES = 1 << 18, HOW_COLUMNS = 11 };
enum { LADDER_HEAD = 14, LADDER_TAIL = 8, SHORT_LADDER_HEAD = 4, SHORT_LADDER_TAIL = 4 };

static void put_message(struct text *s, const struct transcript *t, const struct evidence *e)
{
    const struct event *event = ladder_event_of(t, e);
    if (event != NULL) {
        describe_name(s, event);
    } else {
        text_puts(s, e->message);
    }
}

static void put_evidence(struct page *p)
{
    const struct verdict *v = p->v;
    struct text *s = &p->scratch;
    if (v->n_evidence == 0) {
        return;
    }
    page_heading(p, "Evidence");
    for (size_t i = 0; i < v->n_evidence; i++) {
        const struct evidence *e = &v->evidence[i];
        text_clear(s);
        text_puts(s, "- ");
        if (e->frame > 0) {
            text_puts(s, "frame ");
            text_put_u64(s, e->frame);
            text_puts(s, ", ");
        }
        if (actor_id(e->side) != NULL) {
            text_puts(s, actor_id(e->side));
            text_puts(s, e->message != NULL ? "'s " : ": ");
        }
        if (e->message != NULL) {
            put_message(s, p->t, e);
            text_puts(s, ": ");
        }
        text_puts(s, e->sentence != NULL ? e->sentence : "");
        page_scratch(p, PAGE_INDENT + 2, PAGE_INDENT + 4);
    }
}

/* "- cause, detail (note): why" */
static void put_cause_line(struct page *p, const char *id, const char *detail, const char *note,
                           const char *why)
{
    struct text *s = &p->scratch;
    text_clear(s);
    text_puts(s, "- ");
    text_puts(s, id != NULL ? id : "other");
    if (detail != NULL) {
        text_puts(s, ", ");
        text_puts(s, detail);
    }
    if (note != NULL) {
        text_puts(s, " (");
        text_puts(s, note);
        text_putc(s, ')');
    }
    if (why != NULL) {
        text_puts(s, ": ");
        text_puts(s, why);
    }
    page_scratch(p, PAGE_INDENT + 2, PAGE_INDENT + 4);
}

static void put_ruled_out(struct page *p)
{
    if (p->v->n_ruled_out > 0) {
        page_heading(p, "Ruled out");
    }
    for (size_t i = 0; i < p->v->n_ruled_out; i++) {
        const struct ruled_out *r = &p->v->ruled_out[i];
        put_cause_line(p, cause_id(r->cause), NULL, NULL, r->why);
    }
}

static void put_alternatives(struct page *p)
{
    if (p->v->n_alternatives > 0) {
        page_heading(p, "Could also be");
    }
    for (size_t i = 0; i < p->v->n_alternatives; i++) {
        const struct alternative *a = &p->v->alternatives[i];
        put_cause_line(p, cause_id(a->cause), a->detail, confidence_id(a->confidence), a->why);
    }
}

static void put_findings(struct page *p)
{
    if (p->v->n_findings > 0) {
        page_heading(p, "Also noticed");
    }
    for (size_t i = 0; i < p->v->n_findings; i++) {
        const struct finding *f = &p->v->findings[i];
        put_cause_line(p, f->id, NULL, actor_id(f->party), f->sentence);
    }
}

static void put_step(struct page *p, const struct fix_step *step, unsigned number)
{
    struct text *s = &p->scratch;
    text_clear(s);
    if (step->software == NULL) {
        text_put_u64(s, number);
        text_puts(s, ". ");
        text_puts(s, step->text);
        page_scratch(p, PAGE_INDENT + 2, PAGE_INDENT + 5);
        return;
    }
    size_t at = PAGE_INDENT + 5;
    wrap_spaces(p->out, at);
    page_inked(p, INK_CYAN, step->software);
    size_t n = strlen(step->software);
    wrap_spaces(p->out, n < HOW_COLUMNS ? HOW_COLUMNS - n : 1);
    at += n < HOW_COLUMNS ? HOW_COLUMNS : n + 1;
    struct wrap w = wrap_start(p->out, at, PAGE_INDENT + 5 + HOW_COLUMNS, p->width);
    wrap_words(&w, bytes_of_str(step->text));
    wrap_end(&w);
}

static void put_fix(struct page *p)
{
    struct fix_step steps[FIX_STEPS_MAX];
    struct arena arena = { .limit_bytes = FIX_ARENA_BYTES };
    size_t n = report_fix(p->t, p->v, &arena, steps, FIX_STEPS_MAX);
    if (n > 0) {
        page_heading(p, "To fix");
    }
    unsigned number = 0;
    for (size_t i = 0; i < n; i++) {
        number += steps[i].software == NULL;
        put_step(p, &steps[i], number);
    }
    arena_deinit(&arena);
}

static void put_failed(struct page *p)
{
    page_who(p);
    page_ladder(p, LADDER_HEAD, LADDER_TAIL);
    put_evidence(p);
    put_ruled_out(p);
    put_alternatives(p);
    put_findings(p);
    put_fix(p);
}

static void put_unfinished(struct page *p)
{
    page_who(p);
    page_ladder(p, SHORT_LADDER_HEAD, SHORT_LADDER_TAIL);
    put_evidence(p);
    put_alternatives(p);
    put_findings(p);
}

static void put_completed(struct page *p)
{
    page_negotiated(p);
    if (p->v->n_findings > 0) {
        put_findings(p);
        put_evidence(p);
    }
    if (p->v->detail != NULL) { /* what came behind it went wrong */
        page_who(p);
        page_ladder(p, SHORT_LADDER_HEAD, SHORT_LADDER_TAIL);
        put_alternatives(p);
        put_fix(p);
    }
}

void report_text(struct text *out, const struct transcript *t, const struct verdict *v,
                 const struct report_style *style)
{
    struct page p = { .out = out, .t = t, .v = v, .use_colour = style->use_colour };
    p.width = page_width(style);
    if (v->outcome == OUTCOME_NONE) {
        return;
    }
    page_headline(&p, style->show_path);
    page_outcome(&p);
    switch (v->outcome) {
    case OUTCOME_FAILED:
        put_failed(&p);
        break;
    case OUTCOME_UNFINISHED:
        put_unfinished(&p);
        break;
    case OUTCOME_COMPLETED:
        put_completed(&p);
        break;
    case OUTCOME_NONE:
        break;
    }
    text_putc(out, '\n');
    text_deinit(&p.scratch);
}
