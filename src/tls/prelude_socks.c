#include "tls/prelude_protocol.h"

/* SOCKS 4 with its extension 4A, and SOCKS 5: RFC 1928, RFC 1929. */

enum { SOCKS4_BYTES = 8, SOCKS_NAME_MAX = 255 };

enum socks_at {
    SOCKS4_REQUEST,
    SOCKS4_ANSWER,
    SOCKS5_METHODS,
    SOCKS5_METHOD,
    SOCKS5_LOGIN,
    SOCKS5_LOGIN_ANSWER,
    SOCKS5_REQUEST,
    SOCKS5_ANSWER
};
enum { SOCKS_CONNECT = 1, SOCKS4_GRANTED = 0x5a, SOCKS5_NO_METHOD = 0xff, SOCKS5_PASSWORD = 2 };

/* Few bytes, and any of them common: the server's answer must fit before it counts. */
static enum prelude_match identify_socks_client(struct bytes b)
{
    if (b.p[0] == 4) {
        return b.len == 1 || b.p[1] == SOCKS_CONNECT || b.p[1] == 2 ? MATCH_MAYBE : MATCH_NO;
    }
    if (b.p[0] != 5 || (b.len > 1 && (b.p[1] == 0 || b.p[1] > 16))) {
        return MATCH_NO;
    }
    for (size_t i = 2; i < b.len && i < 2 + (size_t)b.p[1]; i++) {
        if (b.p[i] > 9 && b.p[i] < 0x80) { /* methods assigned by IANA, and private ones */
            return MATCH_NO;
        }
    }
    return MATCH_MAYBE;
}

static enum prelude_match identify_socks_server(struct bytes b, struct bytes client)
{
    if (client.len < 3 || identify_socks_client(client) == MATCH_NO) {
        return MATCH_NO;
    }
    if (client.p[0] == 4) {
        if (b.p[0] != 0 || (b.len > 1 && (b.p[1] < SOCKS4_GRANTED || b.p[1] > 0x5d))) {
            return MATCH_NO;
        }
        return b.len > 1 ? MATCH_YES : MATCH_MAYBE;
    }
    if (client.p[0] != 5 || client.len < 2 + (size_t)client.p[1] || b.p[0] != 5) {
        return MATCH_NO;
    }
    if (b.len == 1) {
        return MATCH_MAYBE;
    }
    bool was_offered = memchr(client.p + 2, b.p[1], client.p[1]) != NULL;
    return was_offered || b.p[1] == SOCKS5_NO_METHOD ? MATCH_YES : MATCH_NO;
}

static enum prelude_match identify_socks(const struct prelude *p, enum side side, struct bytes own,
                                         struct bytes other)
{
    (void)p;
    return side == SIDE_CLIENT ? identify_socks_client(own) : identify_socks_server(own, other);
}

static void start_socks(struct prelude *p)
{
    p->kind = PRELUDE_SOCKS;
    p->u.socks = p->dir[SIDE_CLIENT].buffer[0] == 4 ? SOCKS4_REQUEST : SOCKS5_METHODS;
}

static enum prelude_progress socks_next(struct prelude_turn *turn, enum socks_at at, size_t used)
{
    turn->p->u.socks = (uint8_t)at;
    turn->used = used;
    return STEP_USED;
}

static enum prelude_progress socks_verdict(struct prelude_turn *turn, bool is_granted, size_t used)
{
    struct bytes seen = bytes_head(turn->in, used);
    turn->used = used;
    if (is_granted) {
        prelude_emit(turn, PRELUDE_ACCEPTED, seen);
        prelude_restart(turn->p);
        return STEP_USED;
    }
    struct prelude_event event = prelude_event(turn, PRELUDE_REFUSED, seen);
    event.is_proxy_refusal = true;
    prelude_send(turn, &event);
    prelude_over(turn->p);
    return STEP_USED;
}

/* BIND and UDP ASSOCIATE are not for TLS. An address is shown as text, as a name is. */
static void socks_request(struct prelude_turn *turn, size_t used, struct endpoint to,
                          struct bytes name)
{
    struct text host = { 0 };
    struct prelude_event event = prelude_event(turn, PRELUDE_REQUEST, bytes_head(turn->in, used));
    if (turn->in.p[1] != SOCKS_CONNECT) {
        prelude_over(turn->p);
        return;
    }
    event.port = to.port;
    event.host = name;
    if (name.len == 0) {
        event.proxied_server = to;
        endpoint_put_host(&host, &to);
        event.host = bytes_of(host.p, host.len);
    }
    turn->p->request_pending = true;
    turn->p->was_requested = true;
    prelude_send(turn, &event);
    text_deinit(&host);
}

/* The length of a string up to its NUL, the NUL not counted; `limit` + 1 where it is longer. */
static size_t string_len(struct bytes b, size_t limit, bool *is_whole)
{
    struct bytes window = bytes_head(b, limit + 1);
    const uint8_t *end = window.len > 0 ? memchr(window.p, 0, window.len) : NULL;
    *is_whole = end != NULL;
    return end != NULL ? (size_t)(end - window.p) : window.len;
}

static enum prelude_progress socks4_request(struct prelude_turn *turn)
{
    struct bytes in = turn->in;
    bool is_whole = false;
    if (in.len <= SOCKS4_BYTES) {
        return STEP_MORE;
    }
    size_t used =
        SOCKS4_BYTES + string_len(bytes_skip(in, SOCKS4_BYTES), SOCKS_NAME_MAX, &is_whole) + 1;
    struct endpoint to = prelude_endpoint(in.p + 4, 4, in.p + 2);
    struct bytes name = { NULL, 0 };
    if (is_whole && load_be24(in.p + 4) == 0 && in.p[7] != 0) { /* 4a: a name follows */
        name = bytes_skip(in, used);
        name.len = string_len(name, SOCKS_NAME_MAX, &is_whole);
        used += name.len + 1;
    }
    if (!is_whole) {
        return used > in.len && in.len < SOCKS4_BYTES + 2 * SOCKS_NAME_MAX ? STEP_MORE
                                                                           : STEP_FOREIGN;
    }
    enum prelude_progress progress = socks_next(turn, SOCKS4_ANSWER, used);
    socks_request(turn, used, to, name);
    return progress;
}

/* The address of a SOCKS 5 request or answer: the length of the whole message; 0: more is needed,
 * SIZE_MAX: no such address type. */
static size_t socks5_len(struct bytes in)
{
    if (in.len < 5) {
        return 0;
    }
    size_t address = in.p[3] == 1 ? 4 : in.p[3] == 4 ? 16 : in.p[3] == 3 ? 1 + (size_t)in.p[4] : 0;
    if (address == 0 || in.p[0] != 5) {
        return SIZE_MAX;
    }
    return in.len < 4 + address + 2 ? 0 : 4 + address + 2;
}

static enum prelude_progress socks5_request(struct prelude_turn *turn)
{
    struct bytes in = turn->in;
    size_t len = socks5_len(in);
    if (len == 0 || len == SIZE_MAX) {
        return len == 0 ? STEP_MORE : STEP_FOREIGN;
    }
    struct endpoint to = { .port = load_be16(in.p + len - 2) };
    struct bytes name = { NULL, 0 };
    if (in.p[3] == 3) {
        name = bytes_of(in.p + 5, in.p[4]);
    } else {
        to = prelude_endpoint(in.p + 4, len - 6, in.p + len - 2);
    }
    enum prelude_progress progress = socks_next(turn, SOCKS5_ANSWER, len);
    socks_request(turn, len, to, name);
    return progress;
}

static enum prelude_progress socks5_answer(struct prelude_turn *turn)
{
    size_t len = socks5_len(turn->in);
    if (len == SIZE_MAX) {
        return STEP_FOREIGN;
    }
    return len == 0 ? STEP_MORE : socks_verdict(turn, turn->in.p[1] == 0, len);
}

static enum prelude_progress socks5_method(struct prelude_turn *turn)
{
    uint8_t method = turn->in.p[turn->in.len > 1 ? 1 : 0];
    if (turn->in.len < 2) {
        return STEP_MORE;
    }
    if (method == SOCKS5_NO_METHOD) {
        return socks_verdict(turn, false, 2);
    }
    if (method != 0 && method != SOCKS5_PASSWORD) {
        return STEP_FOREIGN; /* GSSAPI and the like wrap all that follows */
    }
    return socks_next(turn, method == 0 ? SOCKS5_REQUEST : SOCKS5_LOGIN, 2);
}

/* RFC 1929: version 1, name, password. */
static enum prelude_progress socks5_login(struct prelude_turn *turn)
{
    struct bytes in = turn->in;
    if (in.len < 2 || in.len < 3 + (size_t)in.p[1] ||
        in.len < 3 + (size_t)in.p[1] + in.p[2 + in.p[1]]) {
        return STEP_MORE;
    }
    return socks_next(turn, SOCKS5_LOGIN_ANSWER, 3 + (size_t)in.p[1] + in.p[2 + in.p[1]]);
}

static enum prelude_progress step_socks_client(struct prelude_turn *turn)
{
    struct bytes in = turn->in;
    switch ((enum socks_at)turn->p->u.socks) {
    case SOCKS4_REQUEST:
        return socks4_request(turn);
    case SOCKS5_METHODS:
        if (in.len < 2 || in.len < 2 + (size_t)in.p[1]) {
            return STEP_MORE;
        }
        return socks_next(turn, SOCKS5_METHOD, 2 + (size_t)in.p[1]);
    case SOCKS5_LOGIN:
        return socks5_login(turn);
    case SOCKS5_REQUEST:
        return socks5_request(turn);
    case SOCKS4_ANSWER:
    case SOCKS5_METHOD:
    case SOCKS5_LOGIN_ANSWER:
    case SOCKS5_ANSWER:
        break;
    }
    return STEP_MORE;
}

static enum prelude_progress step_socks_server(struct prelude_turn *turn)
{
    struct bytes in = turn->in;
    switch ((enum socks_at)turn->p->u.socks) {
    case SOCKS4_ANSWER:
        return in.len < SOCKS4_BYTES ? STEP_MORE
                                     : socks_verdict(turn, in.p[1] == SOCKS4_GRANTED, SOCKS4_BYTES);
    case SOCKS5_METHOD:
        return socks5_method(turn);
    case SOCKS5_LOGIN_ANSWER:
        if (in.len < 2) {
            return STEP_MORE;
        }
        return in.p[1] == 0 ? socks_next(turn, SOCKS5_REQUEST, 2) : socks_verdict(turn, false, 2);
    case SOCKS5_ANSWER:
        return socks5_answer(turn);
    case SOCKS4_REQUEST:
    case SOCKS5_METHODS:
    case SOCKS5_LOGIN:
    case SOCKS5_REQUEST:
        break;
    }
    return STEP_MORE;
}

static enum prelude_progress step_socks(struct prelude_turn *turn)
{
    return turn->side == SIDE_CLIENT ? step_socks_client(turn) : step_socks_server(turn);
}

const struct prelude_protocol prelude_socks = { identify_socks, start_socks, step_socks, NULL };
