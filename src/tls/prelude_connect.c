#include "tls/prelude_protocol.h"

/* HTTP CONNECT, RFC 9110 section 9.3.6, with the message format of RFC 9112. */

enum { HTTP_HEADER_BYTES_MAX = 1 << 16 }; /* tickets of Kerberos make them long */

enum http_at {
    HTTP_LINE = 0, /* a request or status line is next */
    HTTP_HEADERS,
    HTTP_DONE, /* the message is read: the other side's turn */
    HTTP_BODY, /* of a refusal: says nothing */
};

static const struct bytes connect_start = { (const uint8_t *)"CONNECT ", 8 };

static enum prelude_match identify_connect(const struct prelude *p, enum side side,
                                           struct bytes own, struct bytes other)
{
    (void)p;
    (void)other;
    return side == SIDE_CLIENT ? prelude_prefix(own, connect_start) : MATCH_NO;
}

static void start_connect(struct prelude *p)
{
    p->kind = PRELUDE_HTTP_CONNECT;
}

/* "host:port" or "[v6]:port"; the last colon parts them. */
static void parse_authority(struct bytes authority, struct prelude_event *event)
{
    size_t colon = authority.len;
    while (colon > 0 && authority.p[colon - 1] != ':') {
        colon--;
    }
    uint16_t port = 0;
    event->host = authority;
    if (colon > 0 && prelude_parse_port(bytes_skip(authority, colon), &port)) {
        event->host = bytes_head(authority, colon - 1);
        event->port = port;
    }
    if (event->host.len > 2 && event->host.p[0] == '[' &&
        event->host.p[event->host.len - 1] == ']') {
        event->host = bytes_skip(bytes_head(event->host, event->host.len - 1), 1);
    }
    event->host = bytes_head(event->host, PRELUDE_SEEN_MAX);
    (void)prelude_parse_host(event->host, &event->proxied_server);
    event->proxied_server.port = event->port;
}

static enum prelude_progress connect_request(struct prelude_turn *turn, struct bytes line)
{
    struct http_state *http = &turn->p->u.http;
    struct bytes rest = line;
    if (!prelude_same_word(bytes_next_word(&rest), "CONNECT")) {
        if (http->at[SIDE_SERVER] != HTTP_BODY) {
            return STEP_FOREIGN;
        }
        prelude_over(turn->p); /* after a refusal: some other request */
        return STEP_USED;
    }
    struct bytes authority = bytes_next_word(&rest);
    struct bytes version = bytes_next_word(&rest);
    if (prelude_prefix(version, BYTES("HTTP/1.")) != MATCH_YES) {
        return STEP_FOREIGN;
    }
    struct prelude_event event = prelude_event(turn, PRELUDE_REQUEST, line);
    parse_authority(authority, &event);
    turn->p->request_pending = true;
    turn->p->was_requested = true;
    prelude_send(turn, &event);
    http->at[SIDE_CLIENT] = HTTP_HEADERS;
    http->at[SIDE_SERVER] = HTTP_LINE;
    turn->p->dir[SIDE_SERVER].inside_unit = false;
    return STEP_USED;
}

/* A refusal may be followed by another try on the same connection (407, then credentials). */
static enum prelude_progress connect_answer(struct prelude_turn *turn, struct bytes line)
{
    struct http_state *http = &turn->p->u.http;
    struct bytes rest = line;
    struct bytes version = bytes_next_word(&rest);
    struct bytes status = bytes_next_word(&rest);
    uint16_t code = 0;
    if (version.len == 0 || status.len != 3 || !prelude_parse_port(status, &code)) {
        return STEP_FOREIGN;
    }
    http->code = code;
    http->at[SIDE_SERVER] = HTTP_HEADERS;
    if (code >= 300) {
        struct prelude_event event = prelude_event(turn, PRELUDE_REFUSED, line);
        event.is_proxy_refusal = true;
        prelude_send(turn, &event);
        turn->p->request_pending = false;
    } else if (code >= 200) {
        prelude_emit(turn, PRELUDE_ACCEPTED, line);
    }
    return STEP_USED;
}

static void headers_end(struct prelude_turn *turn)
{
    struct http_state *http = &turn->p->u.http;
    http->header_bytes[turn->side] = 0;
    turn->p->dir[turn->side].inside_unit = false;
    if (turn->side == SIDE_CLIENT) {
        http->at[SIDE_CLIENT] = http->at[SIDE_SERVER] == HTTP_BODY ? HTTP_LINE : HTTP_DONE;
    } else if (http->code >= 300) {
        http->at[SIDE_SERVER] = HTTP_BODY;
        turn->p->dir[SIDE_SERVER].inside_unit = true;
        if (http->at[SIDE_CLIENT] == HTTP_DONE) {
            http->at[SIDE_CLIENT] = HTTP_LINE;
        }
    } else if (http->code >= 200) {
        prelude_restart(turn->p);
    } else {
        http->at[SIDE_SERVER] = HTTP_LINE; /* 1xx: the answer is still to come */
    }
}

/* Reads over header fields up to the empty line; they may come in pieces. */
static enum prelude_progress skip_headers(struct prelude_turn *turn)
{
    struct http_state *http = &turn->p->u.http;
    bool *line_empty = &http->line_empty[turn->side];
    turn->p->dir[turn->side].inside_unit = true;
    size_t i = 0;
    while (i < turn->in.len) {
        uint8_t c = turn->in.p[i++];
        if (c == '\n' && *line_empty) {
            turn->used = i;
            headers_end(turn);
            return STEP_USED;
        }
        if (c != '\r') {
            *line_empty = c == '\n';
        }
        if (++http->header_bytes[turn->side] > HTTP_HEADER_BYTES_MAX) {
            prelude_over(turn->p);
            break;
        }
    }
    turn->used = i;
    turn->is_filler = true;
    return STEP_USED;
}

static enum prelude_progress step_connect(struct prelude_turn *turn)
{
    struct http_state *http = &turn->p->u.http;
    switch ((enum http_at)http->at[turn->side]) {
    case HTTP_HEADERS:
        return skip_headers(turn);
    case HTTP_DONE:
        return STEP_MORE;
    case HTTP_BODY:
        turn->used = turn->in.len;
        turn->is_filler = true;
        return STEP_USED;
    case HTTP_LINE:
        break;
    }
    struct bytes line;
    if (turn->side == SIDE_SERVER && prelude_prefix(turn->in, BYTES("HTTP/1.")) == MATCH_NO) {
        return STEP_FOREIGN;
    }
    if (!prelude_take_line(turn->in, &line, &turn->used)) {
        return STEP_MORE;
    }
    http->line_empty[turn->side] = true;
    return turn->side == SIDE_CLIENT ? connect_request(turn, line) : connect_answer(turn, line);
}

const struct prelude_protocol prelude_connect = { identify_connect, start_connect, step_connect,
                                                  NULL };
