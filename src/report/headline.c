#include "base/clock.h"
#include "base/status.h"
#include "report/page.h"
#include "report/wrap.h"
#include "tls/names.h"

/* The pieces of the first line, two spaces apart; one that does not fit starts another line. */
struct line {
    const struct page *p;
    size_t column;
};

static void put_piece(struct line *l, enum ink colour, struct bytes piece)
{
    size_t columns = wrap_columns(piece);
    if (l->column > 0 && l->column + 2 + columns > l->p->width) {
        text_putc(l->p->out, '\n');
        l->column = 0;
    }
    wrap_spaces(l->p->out, l->column > 0 ? 2 : 0);
    l->column += columns + (l->column > 0 ? 2 : 0);
    page_ink(l->p, colour);
    text_put_safe(l->p->out, piece);
    page_ink(l->p, INK_PLAIN);
}

static void put_scratch(struct line *l, enum ink colour, struct page *p)
{
    put_piece(l, colour, bytes_of(p->scratch.p, p->scratch.len));
    text_clear(&p->scratch);
}

void page_headline(struct page *p, bool show_path)
{
    const struct transcript *t = p->t;
    struct line line = { .p = p };
    text_clear(&p->scratch);
    if (t->source == SOURCE_CAPTURE) {
        text_puts(&p->scratch, t->is_dtls ? "UDP stream " : "stream ");
        text_put_u64(&p->scratch, t->stream);
        put_scratch(&line, INK_BOLD, p);
    } else if (t->program != NULL) {
        put_piece(&line, INK_BOLD, bytes_of_str(t->program));
    }
    if (t->client.family != 0 ||
        t->server.family != 0) { /* a program may keep its socket to itself */
        endpoint_put(&p->scratch, &t->client);
        text_puts(&p->scratch, t->client_is_guess ? " ->(guessed) " : " -> ");
        endpoint_put(&p->scratch, &t->server);
        put_scratch(&line, INK_PLAIN, p);
    }
    if (t->server_name != NULL) {
        put_piece(&line, INK_CYAN, bytes_of_str(t->server_name));
    }
    clock_put(&p->scratch, t->first.at_ns, 3);
    put_scratch(&line, INK_PLAIN, p);
    if (show_path && t->capture != NULL) {
        put_piece(&line, INK_DIM, bytes_of_str(t->capture));
    }
    text_putc(p->out, '\n');
}

static void put_cause(const struct page *p)
{
    const struct verdict *v = p->v;
    const char *cause = cause_id(v->cause);
    if (cause != NULL) {
        text_puts(p->out, "  ");
        page_inked(p, INK_BOLD, cause);
    }
    if (v->detail != NULL) {
        text_puts(p->out, cause != NULL ? ", " : "  ");
        text_put_safe(p->out, bytes_of_str(v->detail));
    }
    const char *confidence = confidence_id(v->confidence);
    if (confidence != NULL) {
        text_puts(p->out, " (");
        text_puts(p->out, confidence);
        text_puts(p->out, v->is_inferred ? ", inferred from encrypted records)" : ")");
    }
}

void page_outcome(const struct page *p)
{
    static const char *const words[] = { "", "COMPLETED", "FAILED", "UNFINISHED" };
    static const enum ink colours[] = { INK_PLAIN, INK_GREEN, INK_RED, INK_YELLOW };
    const struct verdict *v = p->v;
    wrap_spaces(p->out, PAGE_INDENT);
    page_inked(p, colours[v->outcome], words[v->outcome]);
    put_cause(p);
    text_putc(p->out, '\n');
    const char *summary = v->sentence != NULL ? v->sentence : cause_summary(v->cause);
    if (summary != NULL) {
        page_paragraph(p, PAGE_INDENT, PAGE_INDENT, summary);
    }
}

static void put_end_of(struct page *p, enum actor actor)
{
    struct text *s = &p->scratch;
    if (actor == ACTOR_CLIENT || actor == ACTOR_SERVER) {
        text_puts(s, "the ");
        text_puts(s, actor_id(actor));
        const struct endpoint *end = actor == ACTOR_CLIENT ? &p->t->client : &p->t->server;
        if (end->family != 0) {
            text_putc(s, ' ');
            endpoint_put_host(s, end);
        }
    } else {
        text_puts(s, actor == ACTOR_NETWORK ? "something in the network" : "an unknown side");
    }
}

void page_who(struct page *p)
{
    const struct verdict *v = p->v;
    struct text *s = &p->scratch;
    text_clear(s);
    if (v->rejected_by != ACTOR_NONE) {
        text_puts(s, "Ended by ");
        put_end_of(p, v->rejected_by);
        text_puts(s, ". ");
    }
    if (cause_category(v->cause) == CATEGORY_CERTIFICATE && v->party != ACTOR_NONE) {
        text_puts(s, "It is about the ");
        text_puts(s, actor_id(v->party));
        text_puts(s, "'s certificate. ");
    }
    if (v->direction != DIRECTION_NONE) {
        text_puts(s, v->direction == DIRECTION_NORTHBOUND ? "Northbound: client app to gateway. "
                                                          : "Southbound: gateway to backend. ");
    }
    if (s->len > 0) {
        page_scratch(p, PAGE_INDENT, PAGE_INDENT);
    }
}

/* "TLS 1.3, TLS_AES_128_GCM_SHA256, x25519, alpn h2, resumed" */
void page_negotiated(struct page *p)
{
    const struct transcript *t = p->t;
    struct text *s = &p->scratch;
    if (t->version == 0) {
        return;
    }
    const char *parts[] = {
        tls_version_name(t->version),
        t->server_hello != NULL ? tls_cipher_suite_name(t->cipher_suite) : NULL,
        t->group != 0 ? tls_group_name(t->group) : NULL,
        t->is_resumed ? "resumed" : NULL,
    };
    text_clear(s);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i] != NULL) {
            text_puts(s, s->len > 0 ? ", " : "");
            text_puts(s, parts[i]);
        }
    }
    if (t->alpn_selected.len > 0) {
        text_puts(s, ", alpn ");
        text_put(s, (const char *)t->alpn_selected.p, t->alpn_selected.len);
    }
    page_scratch(p, PAGE_INDENT, PAGE_INDENT);
}
