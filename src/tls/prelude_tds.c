#include "tls/prelude_protocol.h"

#include "tls/record.h"

/*
 * TDS (Microsoft SQL Server), MS-TDS sections 2.2.6.5 and 3.2.5: PRELOGIN packets settle whether
 * TLS is used, and then carry its records until the handshake is over.
 */

enum {
    TDS_PRELOGIN = 0x12,
    TDS_RESPONSE = 0x04,
    TDS_HEADER_BYTES = 8,
    TLS_HEADER_BYTES = 5,
    OPTION_BYTES = 5, /* token, offset, length */
    OPTION_ENCRYPTION = 1,
    OPTION_END = 0xff,
    ENCRYPT_OFF = 0, /* only the login */
    ENCRYPT_ON = 1,
    ENCRYPT_NOT_SUP = 2,
    ENCRYPT_REQ = 3,
    ENCRYPT_UNKNOWN = 0x7f,
};

/* Type 0x12, status, length, channel 0, packet, window 0, and the option VERSION first. */
static enum prelude_match identify_tds(const struct prelude *p, enum side side, struct bytes own,
                                       struct bytes other)
{
    (void)p;
    (void)other;
    static const uint8_t mask[] = { 0xff, 0xfe, 0xf8, 0x00, 0xff, 0xff, 0x00, 0xff, 0xff };
    static const uint8_t value[] = { TDS_PRELOGIN, 0, 0, 0, 0, 0, 0, 0, 0 };
    if (side != SIDE_CLIENT) {
        return MATCH_NO;
    }
    for (size_t i = 0; i < own.len && i < sizeof mask; i++) {
        if ((own.p[i] & mask[i]) != value[i]) {
            return MATCH_NO;
        }
    }
    return own.len < sizeof mask ? MATCH_MAYBE : MATCH_YES;
}

static void start_tds(struct prelude *p)
{
    p->kind = PRELUDE_TDS;
}

/* The value of the option ENCRYPTION; its high bit only announces client certificates. */
static uint8_t encryption_of(struct bytes options)
{
    for (size_t at = 0; options.len - at >= OPTION_BYTES; at += OPTION_BYTES) {
        uint8_t token = options.p[at];
        if (token == OPTION_END) {
            break;
        }
        size_t offset = load_be16(options.p + at + 1);
        if (token == OPTION_ENCRYPTION && offset < options.len) {
            return options.p[offset] & 0x7f;
        }
    }
    return ENCRYPT_UNKNOWN;
}

static void tds_request(struct prelude_turn *turn, uint8_t encryption, struct bytes packet)
{
    turn->p->u.db.request = 1;
    turn->p->u.db.encryption = encryption;
    if (encryption == ENCRYPT_ON || encryption == ENCRYPT_REQ) {
        prelude_requested(turn, packet);
    }
}

/* The table of MS-TDS section 2.2.6.5: with ENCRYPT_OFF on both sides the login alone is
 * encrypted, which takes a handshake too. */
static void tds_answer(struct prelude_turn *turn, uint8_t encryption, struct bytes packet)
{
    uint8_t asked = turn->p->u.db.encryption;
    if (asked == ENCRYPT_ON || asked == ENCRYPT_REQ) {
        if (encryption == ENCRYPT_NOT_SUP || encryption == ENCRYPT_UNKNOWN) {
            prelude_refused(turn, packet);
            prelude_over(turn->p);
        } else {
            prelude_accepted(turn, packet);
        }
        return;
    }
    if (asked == ENCRYPT_OFF && encryption <= ENCRYPT_REQ && encryption != ENCRYPT_NOT_SUP) {
        prelude_requested(turn, packet);
        prelude_accepted(turn, packet);
        return;
    }
    prelude_clear(turn, packet);
}

static enum prelude_progress step_tds(struct prelude_turn *turn)
{
    bool is_client = turn->side == SIDE_CLIENT;
    if (is_client == (turn->p->u.db.request != 0)) {
        return STEP_MORE; /* one packet each */
    }
    if (turn->in.p[0] != (is_client ? TDS_PRELOGIN : TDS_RESPONSE)) {
        return STEP_FOREIGN;
    }
    if (turn->in.len < TDS_HEADER_BYTES) {
        return STEP_MORE;
    }
    size_t len = load_be16(turn->in.p + 2);
    if (len <= TDS_HEADER_BYTES) {
        return STEP_FOREIGN;
    }
    if (turn->in.len < len) {
        return STEP_MORE;
    }
    turn->used = len;
    struct bytes packet = bytes_head(turn->in, len);
    uint8_t encryption = encryption_of(bytes_skip(packet, TDS_HEADER_BYTES));
    if (is_client) {
        tds_request(turn, encryption, packet);
    } else {
        tds_answer(turn, encryption, packet);
    }
    return STEP_USED;
}

const struct prelude_protocol prelude_tds = { identify_tds, start_tds, step_tds, NULL };

bool prelude_tds_starts_tls(struct bytes in)
{
    return in.len > 0 && in.p[0] == TDS_PRELOGIN;
}

/* The content's length of a TDS packet, or of a bare TLS record. */
static uint32_t content_len(const struct tds_frame *f)
{
    if (f->header[0] != TDS_PRELOGIN) {
        return load_be16(f->header + 3);
    }
    uint16_t len = load_be16(f->header + 2);
    return len > TDS_HEADER_BYTES ? len - (uint32_t)TDS_HEADER_BYTES : 0;
}

/* One byte of a header; a packet's is dropped, a record's is TLS. False: neither of them. */
static bool push_header(struct tds_frame *f, enum side side, uint8_t byte,
                        const struct prelude_sink *sink)
{
    f->header[f->header_len++] = byte;
    uint8_t type = f->header[0];
    if (type != TDS_PRELOGIN && (type < TLS_CHANGE_CIPHER_SPEC || type > TLS_APPLICATION_DATA)) {
        return false;
    }
    if (f->header_len < (type == TDS_PRELOGIN ? TDS_HEADER_BYTES : TLS_HEADER_BYTES)) {
        return true;
    }
    if (type != TDS_PRELOGIN) {
        sink->tls(sink->arg, side, bytes_of(f->header, TLS_HEADER_BYTES));
    }
    f->left = content_len(f);
    f->header_len = 0;
    return true;
}

bool prelude_tds_unwrap(struct tds_frame *f, enum side side, struct bytes data,
                        const struct prelude_sink *sink)
{
    while (data.len > 0) {
        struct bytes part = bytes_head(data, f->left);
        if (part.len > 0) {
            sink->tls(sink->arg, side, part);
            f->left -= (uint32_t)part.len;
        } else if (!push_header(f, side, data.p[0], sink)) {
            return false;
        }
        data = bytes_skip(data, part.len > 0 ? part.len : 1);
    }
    return true;
}
