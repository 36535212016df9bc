#include "tls/prelude_protocol.h"

/*
 * XMPP, RFC 6120 section 5: streams of XML whose tags alone matter here. Text between tags is
 * read over; a tag longer than the buffer is not XMPP.
 */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes skip_space(struct bytes b)
{
    size_t n = 0;
    while (n < b.len && is_space(b.p[n])) {
        n++;
    }
    return bytes_skip(b, n);
}

/* The length of the tag at the start of b, up to its '>' that stands in no quotes; 0: not whole. */
static size_t tag_len(struct bytes b)
{
    uint8_t quote = 0;
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.p[i];
        if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return i + 1;
        }
    }
    return 0;
}

static enum prelude_match identify_xmpp(const struct prelude *p, enum side side, struct bytes own,
                                        struct bytes other)
{
    (void)p;
    (void)other;
    if (side != SIDE_CLIENT) {
        return MATCH_NO;
    }
    enum prelude_match declaration = prelude_prefix(own, BYTES("<?xml "));
    if (declaration == MATCH_YES) {
        size_t len = tag_len(own);
        if (len == 0) {
            return MATCH_MAYBE;
        }
        own = skip_space(bytes_skip(own, len));
        return own.len == 0 ? MATCH_MAYBE : prelude_prefix(own, BYTES("<stream:stream"));
    }
    enum prelude_match stream = prelude_prefix(own, BYTES("<stream:stream"));
    return stream > declaration ? stream : declaration;
}

static void start_xmpp(struct prelude *p)
{
    p->kind = PRELUDE_XMPP;
}

struct tag {
    struct bytes name; /* without its namespace prefix */
    bool is_end, is_empty;
};

static struct tag parse_tag(struct bytes b)
{
    struct tag t = { 0 };
    struct bytes inside = bytes_skip(bytes_head(b, b.len - 1), 1);
    t.is_end = inside.len > 0 && inside.p[0] == '/';
    t.is_empty = inside.len > 0 && inside.p[inside.len - 1] == '/';
    inside = bytes_skip(inside, t.is_end ? 1 : 0);
    size_t len = 0;
    size_t start = 0;
    while (len < inside.len && !is_space(inside.p[len]) && inside.p[len] != '/') {
        start = inside.p[len] == ':' ? len + 1 : start;
        len++;
    }
    t.name = bytes_skip(bytes_head(inside, len), start);
    return t;
}

static void client_leaves(struct prelude_turn *turn)
{
    if (turn->p->u.xmpp.asked && !turn->p->u.xmpp.offers_tls && !turn->p->was_requested) {
        prelude_emit(turn, PRELUDE_NOT_OFFERED, (struct bytes){ NULL, 0 });
    }
    prelude_over(turn->p);
}

static void client_tag(struct prelude_turn *turn, const struct tag *tag, struct bytes seen)
{
    static const char *const work[] = { "auth",     "iq",        "message",
                                        "presence", "handshake", "authenticate" };
    if (tag->is_end) {
        if (prelude_same_word(tag->name, "stream")) {
            client_leaves(turn);
        }
        return;
    }
    if (prelude_same_word(tag->name, "starttls")) {
        prelude_requested(turn, seen);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(work); i++) {
        if (prelude_same_word(tag->name, work[i])) {
            prelude_clear(turn, seen);
            return;
        }
    }
}

static void features_end(struct prelude_turn *turn, struct bytes seen)
{
    struct prelude_event event = prelude_event(turn, PRELUDE_CAPABILITIES, seen);
    event.offers_tls = turn->p->u.xmpp.offers_tls;
    turn->p->u.xmpp.in_features = false;
    turn->p->u.xmpp.asked = true;
    prelude_send(turn, &event);
}

static void server_tag(struct prelude_turn *turn, const struct tag *tag, struct bytes seen)
{
    struct prelude *p = turn->p;
    if (prelude_same_word(tag->name, "features")) {
        if (!tag->is_end) {
            p->u.xmpp.in_features = true;
            p->u.xmpp.offers_tls = false;
        }
        if (tag->is_end || tag->is_empty) {
            features_end(turn, seen);
        }
    } else if (prelude_same_word(tag->name, "stream") && !tag->is_end) {
        prelude_emit(turn, PRELUDE_GREETING, seen);
    } else if (prelude_same_word(tag->name, "starttls")) {
        p->u.xmpp.offers_tls = p->u.xmpp.offers_tls || p->u.xmpp.in_features;
    } else if (prelude_same_word(tag->name, "proceed") && p->request_pending) {
        prelude_accepted(turn, seen);
    } else if (prelude_same_word(tag->name, "failure") && !tag->is_end && p->request_pending) {
        prelude_refused(turn, seen);
    }
}

static enum prelude_progress step_xmpp(struct prelude_turn *turn)
{
    if (turn->in.p[0] != '<') {
        if (!prelude_is_text(bytes_head(turn->in, 1))) {
            return STEP_FOREIGN;
        }
        turn->used = 1;
        turn->is_filler = true;
        return STEP_USED;
    }
    size_t len = tag_len(turn->in);
    if (len == 0) {
        return STEP_MORE;
    }
    struct bytes seen = bytes_head(turn->in, len);
    struct tag tag = parse_tag(seen);
    turn->used = len;
    if (turn->side == SIDE_CLIENT) {
        client_tag(turn, &tag, seen);
    } else {
        server_tag(turn, &tag, seen);
    }
    return STEP_USED;
}

static void finish_xmpp(struct prelude_turn *turn)
{
    client_leaves(turn);
}

const struct prelude_protocol prelude_xmpp = { identify_xmpp, start_xmpp, step_xmpp, finish_xmpp };
