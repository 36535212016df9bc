#include "base/clock.h"
#include "base/status.h"
#include "report/page.h"
#include "report/wrap.h"
#include "tls/names.h"

static void put_origin(const struct page *p)
{
    const struct transcript *t = p->t;
    if (t->source == SOURCE_CAPTURE) {
        page_ink(p, INK_BOLD);
        text_puts(p->out, t->is_dtls ? "UDP stream " : "stream ");
        text_put_u64(p->out, t->stream);
        page_ink(p, INK_PLAIN);
        text_puts(p->out, "  ");
    } else if (t->program != NULL) {
        page_inked(p, INK_BOLD, t->program);
        text_puts(p->out, "  ");
    }
}

void page_headline(const struct page *p, bool show_path)
{
    const struct transcript *t = p->t;
    put_origin(p);
    endpoint_put(p->out, &t->client);
    text_puts(p->out, t->client_is_guess ? " ->(guessed) " : " -> ");
    endpoint_put(p->out, &t->server);
    if (t->server_name != NULL) {
        text_puts(p->out, "  ");
        page_inked(p, INK_CYAN, t->server_name);
    }
    text_puts(p->out, "  ");
    clock_put(p->out, t->first.at_ns, 3);
    if (show_path && t->capture != NULL) {
        text_puts(p->out, "  ");
        text_put_safe(p->out, bytes_of_str(t->capture));
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
        text_putc(s, ' ');
        endpoint_put_host(s, actor == ACTOR_CLIENT ? &p->t->client : &p->t->server);
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
