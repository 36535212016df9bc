/* The chain as a tree: the leaf, under each certificate the one that issued it, then what is sent
 * and stands on no path. */
#include "base/clock.h"
#include "check/page.h"
#include "report/wrap.h"

enum { S_PER_DAY = 86400, NAMES_SHOWN = 12, STEP = 3, INDENT = 2 };

struct branch {
    struct sheet *s;
    const struct check_item *item;
    size_t depth;
    bool is_shown[X509_CHAIN_MAX];
};

static size_t column_of(const struct branch *b)
{
    return INDENT + b->depth * STEP;
}

static void put_field(struct branch *b, const char *name, const char *value)
{
    size_t at = column_of(b) + STEP;
    wrap_spaces(b->s->out, at);
    sheet_paint(b->s, PAINT_DIM);
    text_printf(b->s->out, "%-10s", name);
    sheet_paint(b->s, PAINT_NONE);
    struct wrap w = wrap_start(b->s->out, at + 10, at + 10, b->s->width);
    w.at_start = true;
    wrap_words(&w, bytes_of_str(value));
    wrap_end(&w);
}

static void put_words_field(struct branch *b, const char *name)
{
    put_field(b, name, text_str(&b->s->words));
    text_clear(&b->s->words);
}

static void put_dates(struct branch *b, const struct x509_facts *f)
{
    struct text *t = &b->s->words;
    int64_t now_s = b->item->at_s;
    clock_put_date(t, f->not_before_s);
    text_puts(t, " to ");
    clock_put_date(t, f->not_after_s);
    if (now_s > f->not_after_s) {
        text_printf(t, " (expired %lld days before)",
                    (long long)((now_s - f->not_after_s) / S_PER_DAY));
    } else if (now_s < f->not_before_s) {
        text_printf(t, " (begins %lld days later)",
                    (long long)((f->not_before_s - now_s) / S_PER_DAY));
    } else {
        text_printf(t, " (%lld days left)", (long long)((f->not_after_s - now_s) / S_PER_DAY));
    }
    put_words_field(b, "valid");
}

static void put_key(struct branch *b, const struct x509_facts *f, bool has_key)
{
    struct text *t = &b->s->words;
    text_printf(t, "%s, %u bits, signed with %s%s", f->key_type, f->key_bits,
                f->signature_algorithm, has_key ? "; its private key is here" : "");
    put_words_field(b, "key");
}

static void put_names(struct branch *b, const struct x509_facts *f)
{
    struct text *t = &b->s->words;
    for (size_t i = 0; i < f->n_names && i < NAMES_SHOWN; i++) {
        text_printf(t, "%s%.255s", i == 0 ? "" : ", ", f->names[i]);
    }
    if (f->n_all_names > NAMES_SHOWN) {
        text_printf(t, " and %zu more", f->n_all_names - NAMES_SHOWN);
    }
    if (f->n_names > 0) {
        put_words_field(b, "names");
    }
}

static void put_uses(struct branch *b, const struct x509_facts *f)
{
    struct text *t = &b->s->words;
    text_puts(t, f->is_ca ? "CA" : "");
    if (f->is_ca && f->path_length >= 0) {
        text_printf(t, ", path length %d", f->path_length);
    }
    for (size_t i = 0; i < f->n_eku; i++) {
        text_printf(t, "%s%s", t->len == 0 ? "" : ", ", f->eku[i]);
    }
    if (t->len > 0) {
        put_words_field(b, "use");
    }
}

static void put_marks(struct branch *b, int index)
{
    const struct x509_judgement *j = &b->item->detail->judgement;
    for (size_t i = 0; i < j->n_faults; i++) {
        const struct x509_fault *f = &j->faults[i];
        if (f->culprit != index) {
            continue;
        }
        wrap_spaces(b->s->out, column_of(b));
        sheet_paint(b->s, PAINT_RED);
        text_puts(b->s->out, i == 0 ? ">> " : " > ");
        text_puts(b->s->out, x509_fault_id(f->kind));
        sheet_paint(b->s, PAINT_NONE);
        text_putc(b->s->out, '\n');
    }
}

static void put_title(struct branch *b, const char *what, const struct x509_facts *f, int index)
{
    wrap_spaces(b->s->out, column_of(b));
    sheet_paint(b->s, PAINT_BOLD);
    if (index >= 0) {
        text_printf(b->s->out, "%d ", index);
    }
    text_puts(b->s->out, f->is_parsed ? (f->subject[0] == '\0' ? "(empty subject)" : f->subject)
                                      : "(cannot be decoded)");
    sheet_paint(b->s, PAINT_NONE);
    text_printf(b->s->out, "%s%s\n", what[0] == '\0' ? "" : "  ", what);
}

static void put_certificate(struct branch *b, const char *what, const struct x509_facts *f,
                            int index)
{
    put_title(b, what, f, index);
    put_marks(b, index);
    if (!f->is_parsed) {
        put_field(b, "sha256", f->sha256_hex);
        return;
    }
    put_field(b, "issuer", f->is_self_signed ? "itself" : f->issuer);
    put_dates(b, f);
    put_key(b, f, index == 0 && b->item->detail->has_key);
    put_names(b, f);
    put_uses(b, f);
    put_field(b, "sha256", f->sha256_hex);
}

static const char *what_it_is(const struct x509_link *link)
{
    switch (link->origin) {
    case X509_SENT:
        return "";
    case X509_TRUSTED:
        return "(trusted)";
    case X509_SEEN:
        return "(not sent)";
    }
    return "";
}

static void put_missing(struct branch *b)
{
    const struct check_detail *d = b->item->detail;
    for (size_t i = 0; i < d->n_missing; i++) {
        const struct check_missing *m = &d->missing[i];
        bool is_on_path = false;
        for (size_t k = 0; d->path != NULL && k < d->path->n; k++) {
            is_on_path = is_on_path || bytes_equal(d->path->links[k].der, m->der);
        }
        if (is_on_path) {
            continue;
        }
        wrap_spaces(b->s->out, column_of(b));
        sheet_paint(b->s, PAINT_YELLOW);
        text_printf(b->s->out, "? %s",
                    m->subject[0] == '\0' ? "(an issuer without a name)" : m->subject);
        sheet_paint(b->s, PAINT_NONE);
        text_printf(b->s->out, "  (%s)\n", m->belongs_to_trust ? "not trusted here" : "not sent");
        b->depth++;
    }
}

void text_tree(struct sheet *s, const struct check_item *item)
{
    struct branch b = { .s = s, .item = item };
    const struct check_detail *d = item->detail;
    text_putc(s->out, '\n');
    for (size_t i = 0; d->path != NULL && i < d->path->n; i++) {
        const struct x509_link *link = &d->path->links[i];
        put_certificate(&b, what_it_is(link), link->facts,
                        link->origin == X509_SENT ? link->index : X509_CULPRIT_TRUST);
        if (link->index >= 0 && link->index < X509_CHAIN_MAX) {
            b.is_shown[link->index] = true;
        }
        b.depth++;
    }
    put_missing(&b);
    b.depth = 0;
    for (size_t i = 0; i < x509_chain_n(d->certs); i++) {
        if (!b.is_shown[i]) {
            put_certificate(&b, d->path == NULL ? "" : "(not on the path)",
                            x509_chain_facts(d->certs, i), (int)i);
        }
    }
}
