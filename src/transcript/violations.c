#include "transcript/violations.h"

#include "tls/names.h"
#include "tls/record.h"
#include "transcript/builder_internal.h"

void violations_note(struct transcript *t, const struct event *e, const char *text)
{
    if (t->violation == NULL) {
        t->violation = e;
        t->violation_side = (enum side)e->side;
        t->violation_text = text;
    }
}

void violations_record_fault(struct builder *b, const struct event *e)
{
    static const char *const texts[] = {
        [TLS_RECORD_OK] = NULL,
        [TLS_RECORD_NOT_TLS] = "bytes that are no TLS record (RFC 8446 5.1)",
        [TLS_RECORD_TOO_LONG] = "a record longer than 2^14 + 2048 bytes (RFC 5246 6.2.3)",
        [TLS_RECORD_EMPTY] =
            "an empty fragment of handshake, alert or change_cipher_spec (RFC 8446 5.1)",
        [TLS_RECORD_LOST] = NULL,             /* the capture's fault, not a peer's */
        [TLS_RECORD_MESSAGE_TOO_LONG] = NULL, /* our limit, not the protocol's */
    };
    const char *text = e->type < ARRAY_LEN(texts) ? texts[e->type] : NULL;
    if (text != NULL) {
        violations_note(b->t, e, text);
    }
}

static bool is_blind(const struct transcript *t)
{
    return t->tls_starts_in_middle || t->has_gap || t->side[0].is_silent || t->side[1].is_silent;
}

void violations_change_cipher_spec(struct builder *b, const struct event *e)
{
    if (!is_blind(b->t) && b->t->hello == NULL) {
        violations_note(b->t, e, "ChangeCipherSpec before any ClientHello (RFC 5246 7.1)");
    }
}

/* Which message a side may send only after which other one, in clear. */
enum { AFTER_CLIENT_HELLO = 1, AFTER_SERVER_HELLO = 2, NEVER = 4, NOT_IN_CLEAR = 8 };

static const struct {
    uint8_t type;
    uint8_t client, server; /* what must have come before */
} order[] = {
    { HS_HELLO_REQUEST, NEVER, 0 },
    { HS_CLIENT_HELLO, 0, NEVER },
    { HS_SERVER_HELLO, NEVER, AFTER_CLIENT_HELLO },
    { HS_HELLO_VERIFY_REQUEST, NEVER, AFTER_CLIENT_HELLO },
    { HS_HELLO_RETRY_REQUEST, NEVER, AFTER_CLIENT_HELLO },
    { HS_NEW_SESSION_TICKET, NEVER, AFTER_SERVER_HELLO },
    { HS_ENCRYPTED_EXTENSIONS, NEVER, AFTER_SERVER_HELLO },
    { HS_CERTIFICATE, AFTER_SERVER_HELLO, AFTER_SERVER_HELLO },
    { HS_SERVER_KEY_EXCHANGE, NEVER, AFTER_SERVER_HELLO },
    { HS_CERTIFICATE_REQUEST, NEVER, AFTER_SERVER_HELLO },
    { HS_SERVER_HELLO_DONE, NEVER, AFTER_SERVER_HELLO },
    { HS_CERTIFICATE_VERIFY, AFTER_SERVER_HELLO, AFTER_SERVER_HELLO },
    { HS_CLIENT_KEY_EXCHANGE, AFTER_SERVER_HELLO, NEVER },
    { HS_FINISHED, AFTER_SERVER_HELLO | NOT_IN_CLEAR, AFTER_SERVER_HELLO | NOT_IN_CLEAR },
};

static bool is_out_of_order(const struct transcript *t, const struct event *e, unsigned needs)
{
    bool in_clear = (e->flags & EVENT_ENCRYPTED) == 0;
    return (needs & NEVER) != 0 || ((needs & AFTER_CLIENT_HELLO) != 0 && t->hello == NULL) ||
           ((needs & AFTER_SERVER_HELLO) != 0 && t->server_hello == NULL) ||
           ((needs & NOT_IN_CLEAR) != 0 && in_clear);
}

void violations_order(struct builder *b, const struct event *e)
{
    struct transcript *t = b->t;
    if (is_blind(t)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        unsigned needs = e->side == SIDE_CLIENT ? order[i].client : order[i].server;
        if (order[i].type == e->type && is_out_of_order(t, e, needs)) {
            violations_note(t, e,
                            arena_printf(b->arena,
                                         "%s from the %s where the protocol does not allow it "
                                         "(RFC 8446 4, RFC 5246 7.3)",
                                         tls_handshake_type_name(e->type),
                                         side_name((enum side)e->side)));
            return;
        }
    }
    if (tls_handshake_type_name(e->type) == NULL) {
        violations_note(t, e, "a handshake message of a type that does not exist");
    }
}

/* The length of a client's share of a group; 0 where not checked (RFC 8446 4.2.8.2, RFC 7748). */
static size_t share_len(uint16_t group)
{
    static const struct {
        uint16_t group, len;
    } lens[] = { { 23, 65 }, { 24, 97 }, { 25, 133 }, { 29, 32 }, { 30, 56 }, { 4588, 1216 } };
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        if (lens[i].group == group) {
            return lens[i].len;
        }
    }
    return 0;
}

static bool shares_contain(const struct tls_client_hello *hello, uint16_t wanted)
{
    struct bytes list = hello->ext.key_share;
    struct bytes key = { 0 };
    uint16_t group = 0;
    while (tls_key_share_next(&list, &group, &key)) {
        if (group == wanted) {
            return true;
        }
    }
    return false;
}

static const char *check_shares(const struct tls_client_hello *hello)
{
    struct bytes list = hello->ext.key_share;
    struct bytes key = { 0 };
    uint16_t group = 0;
    while (tls_key_share_next(&list, &group, &key)) {
        if (tls_is_grease(group)) {
            continue;
        }
        if (share_len(group) != 0 && key.len != share_len(group)) {
            return "a key share of the wrong length for its group (RFC 8446 4.2.8.2)";
        }
        if (!tls_u16_has(hello->ext.supported_groups, group)) {
            return "a key share for a group that supported_groups does not list (RFC 8446 4.2.8)";
        }
    }
    return NULL;
}

static const char *check_tls13_offer(const struct tls_client_hello *hello)
{
    const struct tls_extensions *ext = &hello->ext;
    bool has_psk = tls_has(ext, TLS_EXT_PRE_SHARED_KEY);
    if (tls_has(ext, TLS_EXT_KEY_SHARE) != tls_has(ext, TLS_EXT_SUPPORTED_GROUPS) && !has_psk) {
        return "key_share without supported_groups, or the reverse (RFC 8446 9.2)";
    }
    if (!has_psk && !tls_has(ext, TLS_EXT_SIGNATURE_ALGORITHMS)) {
        return "no signature_algorithms and no pre_shared_key (RFC 8446 9.2)";
    }
    if (has_psk && !tls_has(ext, TLS_EXT_PSK_KEY_EXCHANGE_MODES)) {
        return "pre_shared_key without psk_key_exchange_modes (RFC 8446 4.2.9)";
    }
    if (has_psk && ext->n == ext->n_total && ext->list[ext->n - 1].type != 41) {
        return "pre_shared_key is not the last extension (RFC 8446 4.2.11)";
    }
    return check_shares(hello);
}

static bool u8_has(struct bytes list, uint8_t value)
{
    return list.len > 0 && memchr(list.p, value, list.len) != NULL;
}

static const char *check_client_hello(const struct tls_client_hello *hello)
{
    if (hello->is_sslv2) {
        return NULL;
    }
    if (hello->cipher_suites.len == 0) {
        return "a ClientHello without cipher suites (RFC 8446 4.1.2)";
    }
    if (hello->ext.has_duplicate) {
        return "the same extension twice in one ClientHello (RFC 8446 4.2)";
    }
    if (hello->ext.fault.kind != FAULT_NONE) {
        return "an extension of the ClientHello contradicts its format (RFC 8446 4.2)";
    }
    if (!u8_has(hello->compression_methods, 0)) {
        return "a ClientHello without the null compression method (RFC 5246 7.4.1.2)";
    }
    bool only_13 = tls_offers_version(hello, 0x0304) && !tls_offers_version(hello, 0x0303);
    return only_13 || (tls_offers_version(hello, 0x0304) && tls_has(&hello->ext, TLS_EXT_KEY_SHARE))
               ? check_tls13_offer(hello)
               : NULL;
}

void violations_client_hello(struct builder *b, const struct event *e,
                             const struct tls_client_hello *hello)
{
    const struct transcript *t = b->t;
    const char *text = check_client_hello(hello);
    if (text == NULL && t->retry_hello == hello && t->hello_retry != NULL &&
        tls_has(&t->hello_retry->ext, TLS_EXT_KEY_SHARE) && !shares_contain(hello, t->group)) {
        text = "the second ClientHello lacks the key share that was asked for (RFC 8446 4.1.2)";
    }
    if (text != NULL) {
        violations_note(b->t, e, text);
    }
}

/* RFC 8446 4.2: an extension in an answer must have been asked for. renegotiation_info answers
 * the SCSV too (RFC 5746 3.6), cookie comes unasked in HelloRetryRequest. */
static bool is_solicited(const struct tls_client_hello *offer, const struct tls_server_hello *hello,
                         uint16_t type)
{
    if (type == 0xff01) {
        return tls_has(&offer->ext, type) ||
               tls_u16_has(offer->cipher_suites, TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
    }
    return tls_has(&offer->ext, type) || (hello->is_retry && type == 44) ||
           offer->ext.n < offer->ext.n_total;
}

static const char *check_answer_extensions(const struct tls_client_hello *offer,
                                           const struct tls_server_hello *hello)
{
    if (hello->ext.has_duplicate) {
        return "the same extension twice in one ServerHello (RFC 8446 4.2)";
    }
    for (size_t i = 0; i < hello->ext.n; i++) {
        if (!is_solicited(offer, hello, hello->ext.list[i].type)) {
            return "an extension in the ServerHello that the client did not offer (RFC 8446 4.2)";
        }
    }
    return NULL;
}

static const char *check_retry(const struct tls_client_hello *offer,
                               const struct tls_server_hello *hello)
{
    if (!tls_has(&hello->ext, TLS_EXT_KEY_SHARE) || hello->ext.key_share.len < 2) {
        return NULL;
    }
    uint16_t group = load_be16(hello->ext.key_share.p);
    if (shares_contain(offer, group)) {
        return "HelloRetryRequest for a group whose key share was sent already (RFC 8446 4.1.4)";
    }
    return tls_u16_has(offer->ext.supported_groups, group)
               ? NULL
               : "HelloRetryRequest for a group that the client did not offer (RFC 8446 4.1.4)";
}

static const char *check_tls13_answer(const struct transcript *t,
                                      const struct tls_client_hello *offer,
                                      const struct tls_server_hello *hello)
{
    bool is_draft = t->version_on_wire != 0x0304;
    if (!is_draft && !bytes_equal(offer->session_id, hello->session_id)) {
        return "the ServerHello does not echo legacy_session_id (RFC 8446 4.1.3)";
    }
    if (hello->is_retry) {
        return check_retry(offer, hello);
    }
    if (tls_has(&hello->ext, TLS_EXT_KEY_SHARE) && hello->ext.key_share.len >= 2 &&
        !shares_contain(offer, load_be16(hello->ext.key_share.p))) {
        return "a key share for a group to which the client sent none (RFC 8446 4.2.8)";
    }
    return NULL;
}

static const char *check_server_hello(const struct transcript *t,
                                      const struct tls_client_hello *offer,
                                      const struct tls_server_hello *hello)
{
    if (!tls_u16_has(offer->cipher_suites, hello->cipher_suite)) {
        return "the ServerHello chooses a cipher suite that was not offered (RFC 8446 4.1.3)";
    }
    if (!u8_has(offer->compression_methods, hello->compression_method)) {
        return "the ServerHello chooses a compression method that was not offered (RFC 5246 "
               "7.4.1.3)";
    }
    bool is_known = tls_version_name(hello->version) != NULL && !tls_is_grease(hello->version);
    if (!t->is_dtls && (!is_known || hello->version < 0x0300 ||
                        (hello->version > 0x0304 && !tls_is_tls13(hello->version)))) {
        return "the ServerHello chooses a version that does not exist (RFC 8446 4.1.3)";
    }
    if (t->version == 0x0304 && !t->is_dtls) {
        const char *text = check_tls13_answer(t, offer, hello);
        if (text != NULL) {
            return text;
        }
    }
    return check_answer_extensions(offer, hello);
}

void violations_server_hello(struct builder *b, const struct event *e,
                             const struct tls_server_hello *hello)
{
    struct transcript *t = b->t;
    const struct tls_client_hello *offer = t->retry_hello != NULL ? t->retry_hello : t->hello;
    bool is_second_retry = hello->is_retry && t->retry_hello != NULL;
    if (offer == NULL || offer->is_sslv2 || hello->is_sslv2 || t->hello_fault.kind != FAULT_NONE ||
        t->server_hello_fault.kind != FAULT_NONE) {
        return;
    }
    const char *text = is_second_retry ? "a second HelloRetryRequest (RFC 8446 4.1.4)"
                                       : check_server_hello(t, offer, hello);
    if (text != NULL) {
        violations_note(t, e, text);
    }
}
