#include "check/check_text.h"

#include "base/clock.h"
#include "check/page.h"
#include "report/wrap.h"

enum { WIDTH_DEFAULT = 100, ANCHORS_SHOWN = 400 };

/* --- the sheet --- */

void sheet_paint(const struct sheet *s, enum paint paint)
{
    static const char *const codes[] = { "\033[0m",  "\033[1m",  "\033[2m",
                                         "\033[31m", "\033[32m", "\033[33m" };
    if (s->use_colour) {
        text_puts(s->out, codes[paint]);
    }
}

void sheet_paragraph(struct sheet *s, size_t indent, size_t hang)
{
    wrap_spaces(s->out, indent);
    struct wrap w = wrap_start(s->out, indent, hang, s->width);
    w.at_start = true;
    wrap_words(&w, bytes_of(text_str(&s->words), s->words.len));
    wrap_end(&w);
    text_clear(&s->words);
}

void sheet_say(struct sheet *s, size_t indent, size_t hang, const char *words)
{
    text_puts(&s->words, words);
    sheet_paragraph(s, indent, hang);
}

void sheet_heading(struct sheet *s, const char *heading)
{
    text_puts(s->out, "\n  ");
    sheet_paint(s, PAINT_BOLD);
    text_puts(s->out, heading);
    sheet_paint(s, PAINT_NONE);
    text_putc(s->out, '\n');
}

/* --- one chain --- */

static void put_name(struct sheet *s, const struct check_item *item)
{
    sheet_paint(s, PAINT_BOLD);
    text_puts(s->out, item->input);
    sheet_paint(s, PAINT_NONE);
    if (item->alias != NULL) {
        text_printf(s->out, "  alias %s", item->alias);
    }
    text_printf(s->out, "  %s", item->format);
}

static void put_capital(struct text *t, const char *sentence)
{
    char first = sentence[0];
    text_putc(t, (char)(first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first));
    text_puts(t, first == '\0' ? "" : sentence + 1);
    size_t len = strlen(sentence);
    text_puts(t, len > 0 && sentence[len - 1] == '.' ? "" : ".");
}

static void put_verdict(struct sheet *s, const struct check_item *item)
{
    text_puts(s->out, "  ");
    sheet_paint(s, item->is_acceptable ? PAINT_GREEN : PAINT_RED);
    if (item->is_acceptable) {
        text_puts(s->out, "ACCEPTABLE");
    } else {
        text_printf(s->out, "NOT ACCEPTABLE  %s", x509_fault_id(item->cause));
    }
    sheet_paint(s, PAINT_NONE);
    text_putc(s->out, '\n');
    put_capital(&s->words, item->sentence);
    sheet_paragraph(s, 2, 2);
}

static const char *purpose_words(enum x509_purpose purpose)
{
    switch (purpose) {
    case X509_FOR_SERVER:
        return "a server's certificate";
    case X509_FOR_CLIENT:
        return "a client's certificate";
    case X509_FOR_ANY:
        return "a certificate for any use";
    }
    return "";
}

static const char *clock_words(enum check_clock clock)
{
    switch (clock) {
    case CHECK_CLOCK_HERE:
        return " (this machine's clock)";
    case CHECK_CLOCK_CAPTURE:
        return " (the capture's clock)";
    case CHECK_CLOCK_GIVEN:
        return " (as --at says)";
    }
    return "";
}

static void put_question(struct sheet *s, const struct check_item *item)
{
    struct text *w = &s->words;
    text_printf(w, "Judged as %s", purpose_words(item->purpose));
    if (item->host != NULL) {
        text_puts(w, " for ");
        text_put_safe(w, bytes_head(bytes_of_str(item->host), 255));
    }
    text_puts(w, " at ");
    clock_put(w, item->at_s * NS_PER_S, 0);
    text_puts(w, clock_words(item->clock));
    switch (s->r->trust) {
    case X509_TRUST_NONE:
        text_puts(w, ", without a trust store.");
        break;
    case X509_TRUST_SYSTEM:
        text_printf(w, ", by the system's %zu trusted certificates.", s->r->n_anchors);
        break;
    case X509_TRUST_FILES:
        text_printf(w, ", by %zu trusted certificate%s.", s->r->n_anchors,
                    s->r->n_anchors == 1 ? "" : "s");
        break;
    }
    sheet_paragraph(s, 2, 2);
}

static void put_faults(struct sheet *s, const struct check_detail *d)
{
    if (d->judgement.n_faults < 2) {
        return;
    }
    sheet_heading(s, "What is wrong, as a verifier meets it");
    for (size_t i = 0; i < d->judgement.n_faults; i++) {
        const struct x509_fault *f = &d->judgement.faults[i];
        text_printf(&s->words, "- %s: %s", x509_fault_id(f->kind),
                    f->detail == NULL ? x509_fault_summary(f->kind) : f->detail);
        sheet_paragraph(s, 4, 6);
    }
}

static void put_names(struct sheet *s, const struct check_item *item)
{
    const struct x509_host_check *names = item->detail->names;
    if (names == NULL) {
        return;
    }
    sheet_heading(s, "The names it holds");
    for (size_t i = 0; i < names->n && i < 8; i++) {
        text_printf(&s->words, "- %s %s", names->names[i].name,
                    x509_name_rule_says(names->names[i].rule));
        sheet_paragraph(s, 4, 6);
    }
    if (names->n > 8) {
        text_printf(&s->words, "- and %zu more", names->n - 8);
        sheet_paragraph(s, 4, 6);
    }
    if (names->n == 0) {
        text_printf(&s->words, "- %s", x509_name_rule_says(names->rule));
        sheet_paragraph(s, 4, 6);
    }
}

static void put_findings(struct sheet *s, const struct check_finding *list, size_t n, size_t left)
{
    if (n > 0) {
        sheet_heading(s, "Worth knowing");
    }
    for (size_t i = 0; i < n; i++) {
        text_printf(&s->words, "- %s: %s", check_finding_id(list[i].kind), list[i].text);
        sheet_paragraph(s, 4, 6);
    }
    if (left > 0) {
        text_printf(&s->words, "- and %zu more", left);
        sheet_paragraph(s, 4, 6);
    }
}

static void put_remaining(struct sheet *s, const struct check_item *item)
{
    const struct check_detail *d = item->detail;
    if (item->is_acceptable) {
        return;
    }
    sheet_heading(s, "Once that is mended");
    if (d->n_remaining == 0) {
        sheet_say(s, 4, 6, "- nothing else is wrong, as far as can be seen");
    }
    for (size_t i = 0; i < d->n_remaining; i++) {
        text_printf(&s->words, "- %s", d->remaining[i]);
        sheet_paragraph(s, 4, 6);
    }
}

static void put_fixed(struct sheet *s, const struct check_fixed *f)
{
    if (f == NULL) {
        return;
    }
    sheet_heading(s, "Repair");
    sheet_say(s, 4, 4, f->text);
    if (f->remains != NULL) {
        text_printf(&s->words, "What remains: %s.", f->remains);
        sheet_paragraph(s, 4, 4);
    }
}

static void put_chain(struct sheet *s, const struct check_item *item)
{
    put_name(s, item);
    text_putc(s->out, '\n');
    put_verdict(s, item);
    put_question(s, item);
    text_tree(s, item);
    put_faults(s, item->detail);
    put_names(s, item);
    put_findings(s, item->detail->findings, item->detail->n_findings,
                 item->detail->n_findings_left_out);
    put_remaining(s, item);
    text_eyes(s, item);
    put_fixed(s, item->detail->fixed);
    text_steps(s, item);
    text_putc(s->out, '\n');
}

/* One line, where there are many. */
static void put_line(struct sheet *s, const struct check_item *item)
{
    sheet_paint(s, item->is_acceptable ? PAINT_GREEN : PAINT_RED);
    text_puts(s->out, item->is_acceptable ? "ok   " : "FAIL ");
    sheet_paint(s, PAINT_NONE);
    clock_put_date(s->out, item->until_s);
    text_printf(s->out, "  %s", item->input);
    if (item->alias != NULL) {
        text_printf(s->out, " (%s)", item->alias);
    }
    text_printf(s->out, "  %s%s%s%s\n", item->label, item->is_acceptable ? "" : "  ",
                item->is_acceptable ? "" : x509_fault_id(item->cause),
                item->has_warnings ? "  (warnings)" : "");
}

/* --- a trust store --- */

static void put_anchor(struct sheet *s, const struct check_anchor *a, size_t number)
{
    text_printf(s->out, "    %3zu  ", number);
    sheet_paint(s, a->is_usable ? PAINT_NONE : PAINT_RED);
    clock_put_date(s->out, a->not_before_s);
    text_puts(s->out, " to ");
    clock_put_date(s->out, a->not_after_s);
    sheet_paint(s, PAINT_NONE);
    text_printf(s->out, "  %.16s  %s", a->sha256_hex, a->label);
    if (a->alias != NULL) {
        text_printf(s->out, " (alias %s)", a->alias);
    }
    text_putc(s->out, '\n');
}

static void put_truststore(struct sheet *s, const struct check_item *item)
{
    const struct check_anchors *a = item->anchors;
    put_name(s, item);
    text_putc(s->out, '\n');
    put_verdict(s, item);
    text_putc(s->out, '\n');
    for (size_t i = 0; i < a->n && i < ANCHORS_SHOWN; i++) {
        put_anchor(s, &a->list[i], i + 1);
    }
    if (a->n > ANCHORS_SHOWN) {
        text_printf(s->out, "         and %zu more\n", a->n - ANCHORS_SHOWN);
    }
    put_findings(s, a->findings, a->n_findings, a->n_findings_left_out);
    text_putc(s->out, '\n');
}

/* --- a comparison --- */

static void put_comparison(struct sheet *s, const struct check_comparison *c)
{
    sheet_paint(s, c->fits ? PAINT_GREEN : PAINT_RED);
    text_puts(s->out, c->fits ? "FITS" : "DOES NOT FIT");
    sheet_paint(s, PAINT_NONE);
    text_printf(s->out, "  %s (%s) and %s (%s)\n", c->ours, c->our_role, c->theirs, c->their_role);
    for (size_t i = 0; i < c->n; i++) {
        const struct check_advice *a = &c->advice[i];
        text_printf(&s->words, "- %s: %s", a->id, a->text);
        sheet_paragraph(s, 4, 6);
        if (a->action != NULL) {
            text_puts(&s->words, a->action);
            sheet_paragraph(s, 6, 6);
        }
        if (a->sha256_hex != NULL && a->sha256_hex[0] != '\0') {
            text_printf(&s->words, "The certificate: %s, SHA-256 %s%s%s", a->subject, a->sha256_hex,
                        a->found_in == NULL ? "" : "; it is in ",
                        a->found_in == NULL ? "" : a->found_in);
            sheet_paragraph(s, 6, 6);
        }
    }
    text_putc(s->out, '\n');
}

/* --- all --- */

static void put_summary(struct sheet *s)
{
    const struct check_result *r = s->r;
    if (r->n_items < 2) {
        return;
    }
    text_printf(s->out, "%zu judged: %zu acceptable, %zu not; %zu with warnings\n", r->n_items,
                r->n_items - r->n_not_acceptable, r->n_not_acceptable, r->n_warnings);
}

static void put_item(struct sheet *s, const struct check_item *item)
{
    bool in_full = s->r->n_items == 1 || !item->is_acceptable;
    if (item->role == CHECK_TRUSTSTORE) {
        put_truststore(s, item);
    } else if (in_full && item->detail != NULL) {
        put_chain(s, item);
    } else {
        put_line(s, item);
    }
}

void check_text(struct text *out, const struct check_result *r, const struct check_style *style)
{
    struct sheet s = { .out = out,
                       .r = r,
                       .width = style->width == 0 ? WIDTH_DEFAULT : style->width,
                       .use_colour = style->use_colour };
    for (size_t i = 0; i < r->n_items; i++) {
        put_item(&s, r->items[i]);
    }
    if (r->comparison != NULL) {
        put_comparison(&s, r->comparison);
    }
    for (size_t i = 0; i < r->n_notes; i++) {
        text_printf(&s.words, "note: %s", r->notes[i]);
        sheet_paragraph(&s, 0, 6);
    }
    put_summary(&s);
    text_deinit(&s.words);
}
