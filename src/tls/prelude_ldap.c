#include "tls/prelude_protocol.h"

#include "base/reader.h"

/*
 * LDAP, RFC 4511 section 4.14: StartTLS is an ExtendedRequest of a certain name. Of other messages
 * only the kind and the length matter, so that a long one is skipped, not kept.
 */

enum {
    BER_SEQUENCE = 0x30,
    BER_INTEGER = 0x02,
    LDAP_BIND = 0x60,
    LDAP_UNBIND = 0x42,
    LDAP_SEARCH = 0x63,
    LDAP_ABANDON = 0x50,
    LDAP_EXTENDED = 0x77,
    LDAP_EXTENDED_RESPONSE = 0x78,
    LDAP_MESSAGE_BYTES_MAX = 1 << 24,
    LDAP_CONTENT_NEEDED = 32, /* of one too long to keep: the OID, the result code */
};

static const struct bytes starttls_oid = { (const uint8_t *)"1.3.6.1.4.1.1466.20037", 22 };

/* A BER length of up to four bytes. */
static uint32_t read_length(struct reader *r)
{
    uint8_t first = rd_u8(r, "length");
    if (first < 0x80) {
        return first;
    }
    uint32_t len = 0;
    uint8_t n = first & 0x7f;
    if (n == 0 || n > 4) {
        rd_fail(r, FAULT_MALFORMED, "length");
        return 0;
    }
    while (n-- > 0) {
        len = len << 8 | rd_u8(r, "length");
    }
    return len;
}

struct ldap_head {
    size_t total; /* of the whole message */
    uint32_t message_id;
    uint8_t operation;
    size_t content_at, content_len; /* of the operation */
};

/* LDAPMessage ::= SEQUENCE { messageID, protocolOp }. NO: it is none, MAYBE: more is needed. */
static enum prelude_match read_head(struct bytes in, struct ldap_head *out)
{
    struct fault fault = { 0 };
    struct reader r = rd_stream(in, &fault);
    *out = (struct ldap_head){ 0 };
    uint8_t sequence = rd_u8(&r, "LDAPMessage");
    if (sequence != BER_SEQUENCE) {
        return MATCH_NO;
    }
    uint32_t len = read_length(&r);
    out->total = r.at + len;
    uint8_t integer = rd_u8(&r, "messageID");
    uint8_t id_len = rd_u8(&r, "messageID");
    if (fault.kind == FAULT_NONE &&
        (integer != BER_INTEGER || id_len == 0 || id_len > 4 || len > LDAP_MESSAGE_BYTES_MAX)) {
        return MATCH_NO;
    }
    for (uint8_t i = 0; i < id_len && rd_left(&r) > 0; i++) {
        out->message_id = out->message_id << 8 | rd_u8(&r, "messageID");
    }
    out->operation = rd_u8(&r, "protocolOp");
    out->content_len = read_length(&r);
    out->content_at = r.at;
    if (fault.kind == FAULT_NONE) {
        bool fits =
            out->content_at <= out->total && out->content_len <= out->total - out->content_at;
        return fits ? MATCH_YES : MATCH_NO;
    }
    return fault.kind == FAULT_SHORT ? MATCH_MAYBE : MATCH_NO;
}

static bool is_request(uint8_t operation)
{
    return operation == LDAP_BIND || operation == LDAP_UNBIND || operation == LDAP_SEARCH ||
           operation == LDAP_ABANDON || operation == LDAP_EXTENDED;
}

static enum prelude_match identify_ldap(const struct prelude *p, enum side side, struct bytes own,
                                        struct bytes other)
{
    (void)p;
    (void)other;
    struct ldap_head head;
    enum prelude_match m = side == SIDE_CLIENT ? read_head(own, &head) : MATCH_NO;
    return m == MATCH_YES && !is_request(head.operation) ? MATCH_NO : m;
}

static void start_ldap(struct prelude *p)
{
    p->kind = PRELUDE_LDAP;
}

/* requestName [0] LDAPOID */
static bool is_starttls(struct bytes content)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(content, &fault);
    uint8_t tag = rd_u8(&r, "requestName");
    uint32_t len = read_length(&r);
    return tag == 0x80 && bytes_equal(rd_bytes(&r, len, "requestName"), starttls_oid);
}

/* resultCode ENUMERATED; 0 is success. */
static bool is_success(struct bytes content)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(content, &fault);
    uint8_t tag = rd_u8(&r, "resultCode");
    uint8_t len = rd_u8(&r, "resultCode");
    uint8_t code = rd_u8(&r, "resultCode");
    return fault.kind == FAULT_NONE && tag == 0x0a && len == 1 && code == 0;
}

static void ldap_request(struct prelude_turn *turn, const struct ldap_head *head,
                         struct bytes message)
{
    struct bytes content = bytes_head(bytes_skip(message, head->content_at), head->content_len);
    if (head->operation == LDAP_EXTENDED && is_starttls(content)) {
        turn->p->u.db.message_id = head->message_id;
        prelude_requested(turn, message);
    } else if (head->operation == LDAP_UNBIND) {
        prelude_over(turn->p);
    } else if (head->operation == LDAP_BIND) {
        prelude_clear(turn, bytes_head(message, head->content_at)); /* no password in a report */
    }
}

/* An answer to message 0 is the server's notice that it disconnects. */
static void ldap_response(struct prelude_turn *turn, const struct ldap_head *head,
                          struct bytes message)
{
    struct bytes content = bytes_head(bytes_skip(message, head->content_at), head->content_len);
    bool is_answer = head->operation == LDAP_EXTENDED_RESPONSE && turn->p->request_pending &&
                     (head->message_id == turn->p->u.db.message_id || head->message_id == 0);
    if (!is_answer) {
        return;
    }
    if (is_success(content)) {
        prelude_accepted(turn, message);
    } else {
        prelude_refused(turn, message);
    }
}

static enum prelude_progress step_ldap(struct prelude_turn *turn)
{
    struct ldap_head head;
    enum prelude_match m = read_head(turn->in, &head);
    if (m != MATCH_YES) {
        return m == MATCH_NO ? STEP_FOREIGN : STEP_MORE;
    }
    bool matters = head.operation == LDAP_EXTENDED || head.operation == LDAP_EXTENDED_RESPONSE ||
                   head.operation == LDAP_BIND;
    turn->used = head.total;
    size_t need = matters ? head.total : head.content_at;
    if (need > PRELUDE_BUFFER_MAX) {
        need = head.content_at + LDAP_CONTENT_NEEDED;
    }
    if (turn->in.len < need) {
        return STEP_MORE;
    }
    struct bytes message = bytes_head(turn->in, need);
    if (turn->side == SIDE_CLIENT) {
        ldap_request(turn, &head, message);
    } else {
        ldap_response(turn, &head, message);
    }
    return STEP_USED;
}

const struct prelude_protocol prelude_ldap = { identify_ldap, start_ldap, step_ldap, NULL };
