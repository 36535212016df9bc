#include "report/report_message.h"

#include "base/json.h"
#include "diagnose/message_checks.h"
#include "report/page.h"
#include "report/wrap.h"

enum {
    CHECKS_MAX = 4,   /* the likeliest causes, and a capture */
    MEANINGS_MAX = 4, /* further messages in one line say little more */
    CHECKS_ARENA_BYTES = 1 << 16,
    QUOTE_MAX = 400,
    ID_COLUMNS = 32,
};
#define SCHEMA_VERSION "1"

static void put_quote(struct page *p, const struct message_origin *origin)
{
    struct text *s = &p->scratch;
    text_clear(s);
    if (origin->line > 0) {
        text_puts(s, "line ");
        text_put_u64(s, origin->line);
        text_puts(s, ": ");
    }
    text_put_safe(s, bytes_head(origin->text, QUOTE_MAX));
    text_puts(s, origin->text.len > QUOTE_MAX ? " ..." : "");
    page_ink(p, INK_BOLD);
    page_scratch(p, 0, PAGE_INDENT);
    page_ink(p, INK_PLAIN);
}

static void put_refusal(struct text *s, const struct message_reading *r)
{
    bool has_party = r->party == ACTOR_CLIENT || r->party == ACTOR_SERVER;
    text_printf(s, "The %s refused", actor_id(r->rejected_by));
    if (r->causes[0].cause == CAUSE_CLIENT_CERTIFICATE_MISSING) {
        text_puts(s, " for want of a client certificate");
    } else if (has_party) {
        text_printf(s, " the %s's certificate", actor_id(r->party));
    }
    text_puts(s, r->rows[0]->voice == VOICE_PEER ? "; this is its alert as the other side met it."
                                                 : ", and says so itself.");
}

/* Who refused, in one sentence. */
static void put_who(struct page *p, const struct message_reading *r)
{
    struct text *s = &p->scratch;
    text_clear(s);
    switch (r->rows[0]->voice) {
    case VOICE_OWN:
    case VOICE_PEER:
        if (r->rejected_by != ACTOR_UNKNOWN) {
            put_refusal(s, r);
        } else if (r->rows[0]->voice == VOICE_OWN) {
            text_puts(s, "The side that says this refused.");
        } else {
            text_puts(s, "The other side refused; this is its alert as it was met here.");
        }
        break;
    case VOICE_LOCAL:
        text_puts(s, "The configuration of the side that says this is at fault.");
        break;
    case VOICE_NONE:
        text_puts(s, "Nobody said why: the connection ended without a word.");
        break;
    case VOICE_WRAPS:
        text_puts(s, "These words name no reason; those around them may.");
        break;
    }
    page_scratch(p, PAGE_INDENT, PAGE_INDENT);
}

/* That a handshake failed is no news beside a message that says more. */
static bool says_little(const struct message_row *row)
{
    return row->voice == VOICE_WRAPS && strcmp(row->stack, "any") == 0;
}

static void put_meanings(struct page *p, const struct message_reading *r)
{
    for (size_t i = 0; i < r->n_rows && i < MEANINGS_MAX; i++) {
        struct text *s = &p->scratch;
        if (i > 0 && says_little(r->rows[i])) {
            continue;
        }
        text_clear(s);
        text_printf(s, "%s: %s", r->rows[i]->stack, r->rows[i]->meaning);
        page_scratch(p, PAGE_INDENT, PAGE_INDENT + 2);
    }
}

static void put_causes(struct page *p, const struct message_reading *r)
{
    page_heading(p, r->n_causes == 1 ? "Cause" : "Causes, most likely first");
    for (size_t i = 0; i < r->n_causes; i++) {
        const char *id = cause_id(r->causes[i].cause);
        size_t n = strlen(id);
        size_t column = PAGE_INDENT + 2;
        wrap_spaces(p->out, column);
        page_inked(p, i == 0 ? INK_RED : INK_YELLOW, id);
        wrap_spaces(p->out, n < ID_COLUMNS ? ID_COLUMNS - n : 1);
        column += ID_COLUMNS;
        struct wrap w = wrap_start(p->out, column, column, p->width);
        wrap_words(&w, bytes_of_str(cause_summary(r->causes[i].cause)));
        wrap_end(&w);
    }
}

/* A command stands alone on its line, however long, so that it can be copied. */
static void put_checks(struct page *p, const struct message_reading *r)
{
    struct message_check checks[CHECKS_MAX];
    struct arena arena = { .limit_bytes = CHECKS_ARENA_BYTES };
    size_t n = message_checks(r, &arena, checks, CHECKS_MAX);
    if (n > 0) {
        page_heading(p, r->n_causes == 1 ? "To make sure" : "To decide between them");
    }
    for (size_t i = 0; i < n; i++) {
        struct text *s = &p->scratch;
        text_clear(s);
        text_printf(s, "%zu. %s", i + 1, checks[i].tells);
        page_scratch(p, PAGE_INDENT + 2, PAGE_INDENT + 5);
        wrap_spaces(p->out, PAGE_INDENT + 5);
        page_inked(p, INK_CYAN, checks[i].command);
        text_putc(p->out, '\n');
    }
    arena_deinit(&arena);
}

void report_message_text(struct text *out, const struct message_origin *origin,
                         const struct message_reading *r, const struct report_style *style)
{
    struct page p = { .out = out, .width = page_width(style), .use_colour = style->use_colour };
    put_quote(&p, origin);
    if (r->n_rows == 0) {
        page_paragraph(&p, PAGE_INDENT, PAGE_INDENT,
                       "No message that is known here. Record the handshake and explain that: "
                       "`tcpdump -i any -s 0 -w handshake.pcap port 443`, "
                       "`handfast explain handshake.pcap`");
    } else {
        put_who(&p, r);
        put_meanings(&p, r);
        put_causes(&p, r);
        put_checks(&p, r);
    }
    text_putc(out, '\n');
    text_deinit(&p.scratch);
}

static void json_causes(struct json *j, const struct message_reading *r)
{
    json_array(j, "causes");
    for (size_t i = 0; i < r->n_causes; i++) {
        const struct message_cause *c = &r->causes[i];
        json_object(j, NULL);
        json_str(j, "cause", cause_id(c->cause));
        json_str(j, "category", category_id(cause_category(c->cause)));
        json_str(j, "summary", cause_summary(c->cause));
        json_u64(j, "rank", i + 1);
        json_str(j, "stack", c->row->stack);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_meanings(struct json *j, const struct message_reading *r)
{
    json_array(j, "messages");
    for (size_t i = 0; i < r->n_rows; i++) {
        json_object(j, NULL);
        json_str(j, "stack", r->rows[i]->stack);
        json_str(j, "meaning", r->rows[i]->meaning);
        json_str(j, "pattern", r->rows[i]->pattern);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_checks(struct json *j, const struct message_reading *r)
{
    struct message_check checks[CHECKS_MAX];
    struct arena arena = { .limit_bytes = CHECKS_ARENA_BYTES };
    size_t n = r->n_rows == 0 ? 0 : message_checks(r, &arena, checks, CHECKS_MAX);
    json_array(j, "checks");
    for (size_t i = 0; i < n; i++) {
        json_object(j, NULL);
        json_str(j, "tells", checks[i].tells);
        json_str(j, "command", checks[i].command);
        json_end_object(j);
    }
    json_end_array(j);
    arena_deinit(&arena);
}

void report_message_json(struct text *out, const struct message_origin *origin,
                         const struct message_reading *r)
{
    struct json j = json_start(out);
    json_object(&j, NULL);
    json_str(&j, "type", "message");
    json_str(&j, "schema", SCHEMA_VERSION);
    json_bytes(&j, "text", origin->text);
    if (origin->line > 0) {
        json_u64(&j, "line", origin->line);
    } else {
        json_null(&j, "line");
    }
    json_bool(&j, "recognized", r->n_rows > 0);
    json_str(&j, "cause", r->n_causes > 0 ? cause_id(r->causes[0].cause) : NULL);
    json_str(&j, "seen_by", actor_id(r->seen_by));
    json_str(&j, "rejected_by", actor_id(r->rejected_by));
    json_str(&j, "party", actor_id(r->party));
    if (r->host.len > 0) {
        json_bytes(&j, "host", r->host);
    } else {
        json_null(&j, "host");
    }
    if (r->port > 0) {
        json_u64(&j, "port", r->port);
    } else {
        json_null(&j, "port");
    }
    json_causes(&j, r);
    json_meanings(&j, r);
    json_checks(&j, r);
    json_end_object(&j);
    text_putc(out, '\n');
}
