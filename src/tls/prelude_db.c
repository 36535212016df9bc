#include "tls/prelude_protocol.h"

#include "base/reader.h"

/* ---- PostgreSQL, "Message Flow: SSL Session Encryption" ---- */

enum {
    PG_LENGTH_MAX = 10000, /* the server's own limit of a startup packet */
    PG_CANCEL = 80877102,
    PG_SSL = 80877103,
    PG_GSS = 80877104,
    PG_PROTOCOL_3 = 3,
};

/* int32 length, int32 code. Its kinds: SSLRequest, GSSENCRequest, CancelRequest, startup. */
static enum prelude_match identify_postgresql(const struct prelude *p, enum side side,
                                              struct bytes own, struct bytes other)
{
    (void)p;
    (void)other;
    if (side != SIDE_CLIENT || own.p[0] != 0 || (own.len > 1 && own.p[1] != 0)) {
        return MATCH_NO;
    }
    if (own.len < 8) {
        return MATCH_MAYBE;
    }
    uint32_t len = load_be32(own.p);
    uint32_t code = load_be32(own.p + 4);
    bool is_request = len == 8 && (code == PG_SSL || code == PG_GSS);
    bool is_startup = len > 8 && len <= PG_LENGTH_MAX &&
                      (code >> 16 == PG_PROTOCOL_3 || (code == PG_CANCEL && len == 16));
    return is_request || is_startup ? MATCH_YES : MATCH_NO;
}

static void start_postgresql(struct prelude *p)
{
    p->kind = PRELUDE_POSTGRESQL;
}

static enum prelude_progress postgresql_client(struct prelude_turn *turn)
{
    if (turn->in.len < 8) {
        return STEP_MORE;
    }
    uint32_t len = load_be32(turn->in.p);
    uint32_t code = load_be32(turn->in.p + 4);
    struct bytes seen = bytes_head(turn->in, 8);
    if (turn->p->u.db.request != 0) {
        return STEP_MORE; /* the server has not answered the last one */
    }
    turn->used = 8;
    if (len == 8 && code == PG_SSL) {
        turn->p->u.db.request = 'S';
        prelude_requested(turn, seen);
    } else if (len == 8 && code == PG_GSS) {
        turn->p->u.db.request = 'G';
    } else if (code == PG_CANCEL) {
        prelude_over(turn->p);
    } else {
        prelude_clear(turn, seen);
    }
    return STEP_USED;
}

/* One byte: 'S' or 'G' yes, 'N' no; servers before 7.0 send an ErrorResponse. */
static enum prelude_progress postgresql_server(struct prelude_turn *turn)
{
    uint8_t answer = turn->in.p[0];
    uint8_t request = turn->p->u.db.request;
    struct bytes seen = bytes_head(turn->in, 1);
    if (request == 0) {
        return turn->p->was_requested ? STEP_MORE : STEP_FOREIGN;
    }
    turn->used = 1;
    turn->p->u.db.request = 0;
    if (answer == 'G' && request == 'G') {
        prelude_over(turn->p); /* encrypted, but by Kerberos */
        return STEP_USED;
    }
    if (answer == 'S' && request == 'S') {
        prelude_accepted(turn, seen);
        return STEP_USED;
    }
    if (answer != 'N' && answer != 'E') {
        return STEP_FOREIGN;
    }
    if (request == 'S') {
        prelude_refused(turn, seen);
    }
    if (answer == 'E') {
        prelude_over(turn->p);
    }
    return STEP_USED;
}

static enum prelude_progress step_postgresql(struct prelude_turn *turn)
{
    return turn->side == SIDE_CLIENT ? postgresql_client(turn) : postgresql_server(turn);
}

const struct prelude_protocol prelude_postgresql = { identify_postgresql, start_postgresql,
                                                     step_postgresql, NULL };

/* ---- MySQL, "Protocol::HandshakeV10" and "Protocol::SSLRequest" ---- */

enum {
    MYSQL_HEADER_BYTES = 4, /* 24-bit length, sequence number */
    MYSQL_PROTOCOL_10 = 10,
    MYSQL_ERROR = 0xff,
    MYSQL_CLIENT_SSL = 0x0800,
    MYSQL_SSL_REQUEST_BYTES = 32,
};

/* The server speaks first: a packet shorter than 512 bytes, number 0, protocol version 10. */
static enum prelude_match identify_mysql(const struct prelude *p, enum side side, struct bytes own,
                                         struct bytes other)
{
    (void)p;
    (void)other;
    static const uint8_t mask[] = { 0x00, 0xfe, 0xff, 0xff, 0xff };
    static const uint8_t value[] = { 0x00, 0x00, 0x00, 0x00, MYSQL_PROTOCOL_10 };
    if (side != SIDE_SERVER) {
        return MATCH_NO;
    }
    for (size_t i = 0; i < own.len && i < sizeof mask; i++) {
        if ((own.p[i] & mask[i]) != value[i]) {
            return MATCH_NO;
        }
    }
    return own.len < sizeof mask ? MATCH_MAYBE : MATCH_YES;
}

static void start_mysql(struct prelude *p)
{
    p->kind = PRELUDE_MYSQL;
}

/* The packet at the start of `in`; false where it is not whole. */
static bool mysql_packet(struct bytes in, struct bytes *body)
{
    if (in.len < MYSQL_HEADER_BYTES) {
        return false;
    }
    size_t len = (size_t)load_le16(in.p) | (size_t)in.p[2] << 16;
    *body = bytes_head(bytes_skip(in, MYSQL_HEADER_BYTES), len);
    return body->len == len;
}

static enum prelude_progress mysql_greeting(struct prelude_turn *turn, struct bytes body)
{
    struct fault fault = { 0 };
    struct bytes version = bytes_skip(body, 1);
    const uint8_t *end = version.len > 0 ? memchr(version.p, 0, version.len) : NULL;
    if (end == NULL) {
        return STEP_FOREIGN;
    }
    version.len = (size_t)(end - version.p);
    struct bytes fixed = bytes_skip(body, 1 + version.len + 1);
    struct reader r = rd_whole(fixed, &fault);
    (void)rd_bytes(&r, 4 + 8 + 1, "thread id, auth-plugin-data-part-1, filler");
    uint16_t capabilities = rd_u16le(&r, "capability_flags_1");
    if (fault.kind != FAULT_NONE) {
        return STEP_FOREIGN;
    }
    turn->p->u.db.answered = true;
    prelude_emit(turn, PRELUDE_GREETING, version);
    struct prelude_event event = prelude_event(turn, PRELUDE_CAPABILITIES, version);
    event.offers_tls = (capabilities & MYSQL_CLIENT_SSL) != 0;
    turn->p->u.db.wants_tls = event.offers_tls;
    prelude_send(turn, &event);
    return STEP_USED;
}

/* A client that asks for what was offered goes on with TLS at once. */
static enum prelude_progress mysql_client(struct prelude_turn *turn, struct bytes body)
{
    if (body.len < 2) {
        return STEP_FOREIGN;
    }
    bool asks = (load_le16(body.p) & MYSQL_CLIENT_SSL) != 0 && body.len <= MYSQL_SSL_REQUEST_BYTES;
    struct bytes seen = bytes_head(turn->in, turn->used);
    if (!asks) {
        prelude_clear(turn, bytes_head(seen, MYSQL_HEADER_BYTES));
        return STEP_USED;
    }
    prelude_requested(turn, seen);
    if (turn->p->u.db.wants_tls) {
        turn->side = SIDE_SERVER; /* its flag was the yes */
        prelude_accepted(turn, (struct bytes){ NULL, 0 });
    }
    return STEP_USED;
}

static enum prelude_progress step_mysql(struct prelude_turn *turn)
{
    struct bytes body;
    if (turn->side == SIDE_CLIENT && !turn->p->u.db.answered) {
        return STEP_MORE;
    }
    if (!mysql_packet(turn->in, &body)) {
        return STEP_MORE;
    }
    turn->used = MYSQL_HEADER_BYTES + body.len;
    if (turn->side == SIDE_CLIENT) {
        return mysql_client(turn, body);
    }
    if (!turn->p->u.db.answered) {
        return mysql_greeting(turn, body);
    }
    if (turn->p->request_pending && body.len > 0 && body.p[0] == MYSQL_ERROR) {
        prelude_refused(turn, body);
    }
    return STEP_USED;
}

const struct prelude_protocol prelude_mysql = { identify_mysql, start_mysql, step_mysql, NULL };
