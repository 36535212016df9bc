#include "tls/prelude_protocol.h"

#include "base/reader.h"

/* ---- RDP: X.224 connection request and confirm, MS-RDPBCGR sections 2.2.1.1 and 2.2.1.2 ---- */

enum {
    TPKT_VERSION = 3,
    X224_REQUEST = 0xe0,
    X224_CONFIRM = 0xd0,
    RDP_NEG_REQ = 1,
    RDP_NEG_RSP = 2,
    RDP_NEG_FAILURE = 3,
    RDP_NEG_BYTES = 8,
};

static enum prelude_match identify_rdp(const struct prelude *p, enum side side, struct bytes own,
                                       struct bytes other)
{
    (void)p;
    (void)other;
    if (side != SIDE_CLIENT || own.p[0] != TPKT_VERSION || (own.len > 1 && own.p[1] != 0)) {
        return MATCH_NO;
    }
    if (own.len < 6) {
        return MATCH_MAYBE;
    }
    uint16_t len = load_be16(own.p + 2);
    return own.p[5] == X224_REQUEST && len >= 11 && len <= 1024 ? MATCH_YES : MATCH_NO;
}

static void start_rdp(struct prelude *p)
{
    p->kind = PRELUDE_RDP;
}

/* The 8 bytes of the negotiation structure: after the fixed part, in a request behind an optional
 * line (a cookie or routing token). Empty where there is none. */
static struct bytes rdp_negotiation(struct bytes packet, bool *has_cookie)
{
    struct bytes rest = bytes_skip(packet, 4 + 7);
    struct bytes line;
    size_t used = 0;
    *has_cookie = rest.len > 0 && rest.p[0] > RDP_NEG_FAILURE &&
                  prelude_take_line(rest, &line, &used) && prelude_is_text(line);
    rest = bytes_skip(rest, *has_cookie ? used : 0);
    bool is_whole = rest.len >= RDP_NEG_BYTES && load_le16(rest.p + 2) == RDP_NEG_BYTES;
    return is_whole ? bytes_head(rest, RDP_NEG_BYTES) : (struct bytes){ NULL, 0 };
}

/* TPKT is used by others too (S7, H.323): without a negotiation or a cookie it is not RDP. */
static enum prelude_progress rdp_client(struct prelude_turn *turn, struct bytes packet)
{
    bool has_cookie = false;
    struct bytes neg = rdp_negotiation(packet, &has_cookie);
    bool asks = neg.len > 0 && neg.p[0] == RDP_NEG_REQ;
    if (!asks && !has_cookie) {
        return STEP_FOREIGN;
    }
    turn->p->u.db.wants_tls = asks && load_le32(neg.p + 4) != 0;
    turn->p->u.db.request = 1;
    if (turn->p->u.db.wants_tls) {
        prelude_requested(turn, packet);
    }
    return STEP_USED;
}

/* A confirm without a negotiation, or one that selects the standard security, is a no. */
static enum prelude_progress rdp_server(struct prelude_turn *turn, struct bytes packet)
{
    bool has_cookie = false;
    struct bytes neg = rdp_negotiation(packet, &has_cookie);
    bool is_yes = neg.len > 0 && neg.p[0] == RDP_NEG_RSP && load_le32(neg.p + 4) != 0;
    if (!turn->p->u.db.wants_tls) {
        prelude_clear(turn, packet);
    } else if (is_yes) {
        prelude_accepted(turn, packet);
    } else {
        prelude_refused(turn, packet);
        prelude_over(turn->p);
    }
    return STEP_USED;
}

static enum prelude_progress step_rdp(struct prelude_turn *turn)
{
    bool is_client = turn->side == SIDE_CLIENT;
    if (is_client == (turn->p->u.db.request != 0)) {
        return STEP_MORE; /* one packet each */
    }
    uint8_t type = is_client ? X224_REQUEST : X224_CONFIRM;
    if (turn->in.p[0] != TPKT_VERSION || (turn->in.len > 5 && turn->in.p[5] != type)) {
        return STEP_FOREIGN;
    }
    if (turn->in.len < 6) {
        return STEP_MORE;
    }
    size_t len = load_be16(turn->in.p + 2);
    if (len < 11) {
        return STEP_FOREIGN;
    }
    if (turn->in.len < len) {
        return STEP_MORE;
    }
    turn->used = len;
    struct bytes packet = bytes_head(turn->in, len);
    return is_client ? rdp_client(turn, packet) : rdp_server(turn, packet);
}

const struct prelude_protocol prelude_rdp = { identify_rdp, start_rdp, step_rdp, NULL };
