/* The dialogues of packets: LDAP, PostgreSQL, MySQL, TDS, RDP. */
#include "base/reader.h"
#include "dial/dial_steps.h"

static void put_bytes(struct text *out, struct bytes b)
{
    text_put(out, (const char *)b.p, b.len);
}

/* RFC 4511 section 4.14: ExtendedRequest 1.3.6.1.4.1.1466.20037 with message id 1. */
bool dial_put_ldap(struct dial_steps *s)
{
    put_bytes(&s->out, BYTES("\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
                             "1.3.6.1.4.1.1466.20037"));
    return true;
}

/* A BER length (X.690 section 8.1.3), at most four bytes of it. */
static size_t rd_ber_length(struct reader *r)
{
    uint8_t first = rd_u8(r, "length");
    if (first < 0x80) {
        return first;
    }
    size_t len = 0;
    size_t n = first & 0x7f;
    if (n == 0 || n > 4) {
        rd_fail(r, FAULT_MALFORMED, "length");
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        len = len << 8 | rd_u8(r, "length");
    }
    return len;
}

/* LDAPMessage { messageID, ExtendedResponse [APPLICATION 24] { resultCode ENUMERATED ... } } */
enum dial_take dial_take_ldap(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct fault fault = { 0 };
    struct reader r = rd_stream(in, &fault);
    uint8_t tag = rd_u8(&r, "LDAPMessage");
    size_t len = rd_ber_length(&r);
    size_t head = r.at;
    struct bytes body = rd_bytes(&r, len, "LDAPMessage");
    if (fault.kind == FAULT_SHORT) {
        return len > DIAL_IN_MAX ? TAKE_NO : TAKE_MORE;
    }
    struct fault inner = { 0 };
    struct reader b = rd_whole(body, &inner);
    rd_u8(&b, "messageID");
    rd_bytes(&b, rd_ber_length(&b), "messageID");
    uint8_t operation = rd_u8(&b, "protocolOp");
    rd_ber_length(&b);
    uint8_t kind = rd_u8(&b, "resultCode");
    struct bytes code = rd_bytes(&b, rd_ber_length(&b), "resultCode");
    *used = head + len;
    if (fault.kind != FAULT_NONE || inner.kind != FAULT_NONE || tag != 0x30 || operation != 0x78 ||
        kind != 0x0a || code.len != 1) {
        err_set(&s->why, ST_IO, "the server answered StartTLS with something that is no LDAP");
        return TAKE_NO;
    }
    if (code.p[0] != 0) {
        err_set(&s->why, ST_IO, "the server refused StartTLS with LDAP result %u", code.p[0]);
        return TAKE_NO;
    }
    return TAKE_NEXT;
}

bool dial_put_postgresql(struct dial_steps *s)
{
    put_bytes(&s->out, BYTES("\x00\x00\x00\x08\x04\xd2\x16\x2f"));
    return true;
}

enum dial_take dial_take_postgresql(struct dial_steps *s, struct bytes in, size_t *used)
{
    *used = 1;
    if (in.p[0] == 'S') {
        return TAKE_NEXT;
    }
    err_set(&s->why, ST_IO,
            in.p[0] == 'N' ? "the server answered SSLRequest with N: TLS is off"
                           : "the server answered SSLRequest with an error");
    return TAKE_NO;
}

enum { MYSQL_CLIENT_SSL = 0x0800 };

/* Protocol::HandshakeV10: version 10, a string, thread id, 8 bytes, 0, the lower capabilities. */
enum dial_take dial_take_mysql(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct fault fault = { 0 };
    struct reader r = rd_stream(in, &fault);
    size_t len = rd_u8(&r, "length");
    len |= (size_t)rd_u8(&r, "length") << 8;
    len |= (size_t)rd_u8(&r, "length") << 16;
    rd_u8(&r, "sequence");
    struct bytes body = rd_bytes(&r, len, "payload");
    if (fault.kind == FAULT_SHORT) {
        return len > DIAL_IN_MAX ? TAKE_NO : TAKE_MORE;
    }
    *used = 4 + len;
    const uint8_t *end = body.len > 1 ? memchr(body.p + 1, 0, body.len - 1) : NULL;
    if (body.len == 0 || body.p[0] == 0xff || end == NULL) {
        err_set(&s->why, ST_IO, "the server greeted with an error: it may be full or block us");
        return TAKE_NO;
    }
    struct fault inner = { 0 };
    struct reader b = rd_whole(bytes_skip(body, (size_t)(end - body.p) + 1), &inner);
    rd_bytes(&b, 4 + 8 + 1, "auth-plugin-data");
    uint16_t capabilities = rd_u16le(&b, "capability_flags");
    if (inner.kind != FAULT_NONE || (capabilities & MYSQL_CLIENT_SSL) == 0) {
        err_set(&s->why, ST_IO, "the server does not offer TLS (no CLIENT_SSL in its greeting)");
        return TAKE_NO;
    }
    return TAKE_NEXT;
}

/* Protocol::SSLRequest: CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION,
 * CLIENT_PLUGIN_AUTH; 16 MiB packets; utf8. */
bool dial_put_mysql(struct dial_steps *s)
{
    static const uint8_t zeroes[23];
    put_bytes(&s->out, BYTES("\x20\x00\x00\x01\x00\x8a\x08\x00\x00\x00\x00\x01\x21"));
    put_bytes(&s->out, bytes_of(zeroes, sizeof zeroes));
    return true;
}

enum { TDS_HEADER_BYTES = 8, TDS_PRELOGIN = 0x12, TDS_ENCRYPTION = 1, TDS_PACKET_MAX = 4096 };

/* VERSION, ENCRYPTION = ENCRYPT_ON; MS-TDS section 2.2.6.5. */
bool dial_put_tds(struct dial_steps *s)
{
    put_bytes(&s->out, BYTES("\x12\x01\x00\x1a\x00\x00\x01\x00"
                             "\x00\x00\x0b\x00\x06"
                             "\x01\x00\x11\x00\x01"
                             "\xff"
                             "\x0e\x00\x00\x00\x00\x00"
                             "\x01"));
    return true;
}

/* The ENCRYPTION option's value, 2 (ENCRYPT_NOT_SUP) where it is absent. */
static uint8_t tds_encryption(struct bytes body)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(body, &fault);
    while (rd_left(&r) > 0) {
        uint8_t option = rd_u8(&r, "option");
        if (option == 0xff) {
            break;
        }
        uint16_t at = rd_u16(&r, "offset");
        uint16_t len = rd_u16(&r, "length");
        if (option == TDS_ENCRYPTION && len == 1 && at < body.len) {
            return body.p[at];
        }
    }
    return 2;
}

enum dial_take dial_take_tds(struct dial_steps *s, struct bytes in, size_t *used)
{
    if (in.len < TDS_HEADER_BYTES) {
        return TAKE_MORE;
    }
    size_t len = load_be16(in.p + 2);
    if (len < TDS_HEADER_BYTES || (in.p[0] != 0x04 && in.p[0] != TDS_PRELOGIN)) {
        err_set(&s->why, ST_IO, "the server answered PRELOGIN with something that is no TDS");
        return TAKE_NO;
    }
    if (in.len < len) {
        return TAKE_MORE;
    }
    *used = len;
    if (tds_encryption(bytes_skip(bytes_head(in, len), TDS_HEADER_BYTES)) == 2) {
        err_set(&s->why, ST_IO, "the server does not support encryption (PRELOGIN)");
        return TAKE_NO;
    }
    return TAKE_NEXT;
}

void dial_tds_wrap(struct text *out, struct bytes tls)
{
    while (tls.len > 0) {
        struct bytes part = bytes_head(tls, TDS_PACKET_MAX - TDS_HEADER_BYTES);
        size_t len = part.len + TDS_HEADER_BYTES;
        uint8_t header[TDS_HEADER_BYTES] = { TDS_PRELOGIN, part.len == tls.len, 0, 0, 0, 0, 1, 0 };
        header[2] = (uint8_t)(len >> 8);
        header[3] = (uint8_t)len;
        put_bytes(out, bytes_of(header, sizeof header));
        put_bytes(out, part);
        tls = bytes_skip(tls, part.len);
    }
}

/* How many bytes of content follow a header that is whole: of a packet, or of a bare record. */
static void tds_begin(struct dial_tds *t, struct text *out)
{
    if (t->header[0] == TDS_PRELOGIN || t->header[0] == 0x04) {
        if (t->header_len == TDS_HEADER_BYTES) {
            size_t len = load_be16(t->header + 2);
            t->is_broken = len < TDS_HEADER_BYTES;
            t->left = t->is_broken ? 0 : (uint32_t)(len - TDS_HEADER_BYTES);
            t->header_len = 0;
        }
    } else if (t->header[0] < 20 || t->header[0] > 23) {
        t->is_broken = true;
    } else if (t->header_len == 5) {
        t->left = load_be16(t->header + 3);
        put_bytes(out, bytes_of(t->header, 5));
        t->header_len = 0;
    }
}

void dial_tds_unwrap(struct dial_tds *t, struct bytes in, struct text *out)
{
    while (in.len > 0 && !t->is_broken) {
        if (t->left > 0) {
            struct bytes part = bytes_head(in, t->left);
            put_bytes(out, part);
            t->left -= (uint32_t)part.len;
            in = bytes_skip(in, part.len);
            continue;
        }
        t->header[t->header_len++] = in.p[0];
        in = bytes_skip(in, 1);
        tds_begin(t, out);
    }
}

/* MS-RDPBCGR section 2.2.1.1: X.224 Connection Request with RDP_NEG_REQ: PROTOCOL_SSL and
 * PROTOCOL_HYBRID, both of which begin with TLS. */
bool dial_put_rdp(struct dial_steps *s)
{
    put_bytes(&s->out, BYTES("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00"
                             "\x01\x00\x08\x00\x03\x00\x00\x00"));
    return true;
}

enum dial_take dial_take_rdp(struct dial_steps *s, struct bytes in, size_t *used)
{
    if (in.len < 4) {
        return TAKE_MORE;
    }
    size_t len = load_be16(in.p + 2);
    if (in.p[0] != 3 || len < 11) {
        err_set(&s->why, ST_IO, "the server answered with something that is no RDP");
        return TAKE_NO;
    }
    if (in.len < len) {
        return TAKE_MORE;
    }
    *used = len;
    /* section 2.2.1.2: type 2 RDP_NEG_RSP with the protocol, type 3 RDP_NEG_FAILURE */
    if (len < 19 || in.p[11] != 2 || in.p[15] == 0) {
        err_set(&s->why, ST_IO, "the server refused TLS (RDP negotiation%s)",
                len >= 19 && in.p[11] == 3 ? " failure" : "");
        return TAKE_NO;
    }
    return TAKE_NEXT;
}
