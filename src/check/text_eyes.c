/* By whose eyes: one table of the verifiers, then each reason once, with those whose it is. */
#include "check/page.h"
#include "report/wrap.h"

enum { ANSWER_COLUMNS = 11 };

static const char *answer_words(enum verifier_answer answer)
{
    switch (answer) {
    case VERIFIER_ACCEPTS:
        return "accepts";
    case VERIFIER_REFUSES:
        return "refuses";
    case VERIFIER_MAY_ACCEPT:
        return "may accept";
    }
    return "";
}

static enum paint answer_paint(enum verifier_answer answer)
{
    switch (answer) {
    case VERIFIER_ACCEPTS:
        return PAINT_GREEN;
    case VERIFIER_REFUSES:
        return PAINT_RED;
    case VERIFIER_MAY_ACCEPT:
        return PAINT_YELLOW;
    }
    return PAINT_NONE;
}

static void put_row(struct sheet *s, const struct verifier_judgement *v)
{
    bool accepts = v->answer == VERIFIER_ACCEPTS;
    const char *cause = accepts ? "" : x509_fault_id(v->cause);
    const char *rule = v->rule != NULL ? v->rule : accepts ? "" : "(common to all)";
    text_printf(s->out, "    %-14s", verifier_id(v->who));
    sheet_paint(s, answer_paint(v->answer));
    text_puts(s->out, answer_words(v->answer));
    sheet_paint(s, PAINT_NONE);
    if (rule[0] != '\0') {
        wrap_spaces(s->out, ANSWER_COLUMNS - strlen(answer_words(v->answer)));
        text_printf(s->out, "%-32s%s", cause, rule);
    }
    text_putc(s->out, '\n');
}

static bool is_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool has_same_reason(const struct verifier_judgement *a, const struct verifier_judgement *b)
{
    return is_equal(a->sentence, b->sentence) && is_equal(a->rule, b->rule);
}

static bool has_same_note(const struct verifier_judgement *a, const struct verifier_judgement *b)
{
    return is_equal(a->note, b->note);
}

typedef bool is_alike(const struct verifier_judgement *a, const struct verifier_judgement *b);

static bool is_said(const struct verifier_judgements *others, size_t i, is_alike *alike)
{
    for (size_t k = 0; k < i; k++) {
        if (alike(&others->list[k], &others->list[i])) {
            return true;
        }
    }
    return false;
}

static void put_whose(struct sheet *s, const struct verifier_judgements *others, size_t i,
                      is_alike *alike)
{
    bool is_first = true;
    for (size_t k = i; k < others->n; k++) {
        if (alike(&others->list[k], &others->list[i])) {
            text_printf(&s->words, "%s%s", is_first ? "- " : ", ",
                        verifier_id(others->list[k].who));
            is_first = false;
        }
    }
    text_puts(&s->words, ": ");
}

/* By its rule, whose column says who follows it; the verdict's own sentence stands at the top. */
static void put_reason(struct sheet *s, const struct verifier_judgements *others, size_t i,
                       const char *verdict)
{
    const struct verifier_judgement *v = &others->list[i];
    if (v->sentence == NULL || (v->rule == NULL && is_equal(v->sentence, verdict))) {
        return;
    }
    if (v->rule != NULL) {
        text_printf(&s->words, "- %s: ", v->rule);
    } else {
        put_whose(s, others, i, has_same_reason);
    }
    text_puts(&s->words, v->sentence);
    if (v->source != NULL) {
        text_printf(&s->words, " [%s]", v->source);
    }
    sheet_paragraph(s, 4, 6);
}

static void put_note(struct sheet *s, const struct verifier_judgements *others, size_t i)
{
    if (others->list[i].note != NULL) {
        put_whose(s, others, i, has_same_note);
        text_puts(&s->words, others->list[i].note);
        sheet_paragraph(s, 4, 6);
    }
}

void text_eyes(struct sheet *s, const struct check_item *item)
{
    const struct verifier_judgements *others = item->detail->as;
    if (others == NULL) {
        return;
    }
    sheet_heading(s, "By whose eyes");
    sheet_paint(s, PAINT_DIM);
    text_printf(s->out, "    %-14s%-11s%-32s%s\n", "verifier", "answer", "cause", "rule");
    sheet_paint(s, PAINT_NONE);
    for (size_t i = 0; i < others->n; i++) {
        put_row(s, &others->list[i]);
    }
    for (size_t i = 0; i < others->n; i++) {
        if (!is_said(others, i, has_same_reason)) {
            put_reason(s, others, i, item->sentence);
        }
    }
    for (size_t i = 0; i < others->n; i++) {
        if (!is_said(others, i, has_same_note)) {
            put_note(s, others, i);
        }
    }
}
