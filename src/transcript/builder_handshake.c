#include "tls/names.h"
#include "transcript/builder_internal.h"
#include "transcript/violations.h"

static const char *literal_or_null(struct arena *arena, struct bytes b)
{
    return b.len == 0 ? NULL : arena_strndup(arena, (const char *)b.p, b.len);
}

static void note_malformed(struct builder *b, const struct event *e, const struct fault *fault)
{
    const char *name = tls_handshake_type_name(e->type);
    const char *text = arena_printf(b->arena, "%s contradicts its format: %s at byte %zu",
                                    name == NULL ? "message" : name,
                                    fault->what == NULL ? "content" : fault->what, fault->at);
    violations_note(b->t, e, text == NULL ? "a message contradicts its format" : text);
}

/* X25519Kyber and ML-KEM hybrids too: what a group's client share is plainly not, is not checked.
 */
static bool is_same_hello(const struct tls_client_hello *a, const struct tls_client_hello *c)
{
    return bytes_equal(a->random, c->random) && bytes_equal(a->session_id, c->session_id) &&
           bytes_equal(a->cipher_suites, c->cipher_suites);
}

static void keep_offer(struct transcript *t, struct builder *b,
                       const struct tls_client_hello *hello)
{
    if (t->server_name == NULL) {
        t->server_name = literal_or_null(b->arena, hello->ext.server_name);
    }
    t->psk_offered = tls_has(&hello->ext, TLS_EXT_PRE_SHARED_KEY);
    t->early_data_offered = t->early_data_offered || tls_has(&hello->ext, TLS_EXT_EARLY_DATA);
    t->ech_offered = t->ech_offered || tls_has(&hello->ext, TLS_EXT_ENCRYPTED_CLIENT_HELLO);
}

static void place_client_hello(struct builder *b, struct event *e, struct tls_client_hello *hello)
{
    struct transcript *t = b->t;
    bool answers_retry =
        t->hello_retry != NULL && t->server_hello == NULL && t->retry_hello == NULL;
    /* After HelloVerifyRequest the one with the cookie counts (RFC 6347 section 4.2.1). */
    bool brings_cookie = t->is_dtls && t->server_hello == NULL && !answers_retry;
    if (t->hello == NULL || brings_cookie) {
        t->hello = hello;
        t->hello_event = e;
    } else if (answers_retry) {
        t->retry_hello = hello;
        t->retry_hello_event = e;
    } else if (b->handshake_over[SIDE_CLIENT]) {
        t->is_renegotiation = true;
        t->renegotiation_event = t->renegotiation_event == NULL ? e : t->renegotiation_event;
        return;
    } else if (is_same_hello(t->hello, hello)) {
        e->flags |= EVENT_REPEAT;
        t->hello_is_repeated = true;
        return;
    }
    keep_offer(t, b, hello);
    violations_client_hello(b, e, hello);
}

static void on_client_hello(struct builder *b, struct event *e)
{
    struct tls_client_hello *hello = arena_alloc(b->arena, sizeof *hello);
    struct fault fault = { 0 };
    if (hello == NULL) {
        return;
    }
    bool ok = (e->flags & EVENT_SSLV2) != 0
                  ? tls_client_hello_parse_sslv2(e->body, hello, &fault)
                  : tls_client_hello_parse(e->body, b->t->is_dtls, hello, &fault);
    if (!ok && b->t->hello == NULL) {
        b->t->hello_fault = fault;
        note_malformed(b, e, &fault);
    }
    place_client_hello(b, e, hello);
}

static uint16_t share_group(struct bytes key_share)
{
    return key_share.len >= 2 ? load_be16(key_share.p) : 0;
}

static void keep_resumption(struct transcript *t, const struct tls_server_hello *hello)
{
    if (transcript_is_tls13(t)) {
        t->psk_accepted = tls_has(&hello->ext, TLS_EXT_PRE_SHARED_KEY);
        t->is_resumed = t->psk_accepted;
    } else if (t->hello != NULL && t->hello->session_id.len > 0) {
        /* The echo of a session id is resumption; with tickets the client's id is echoed too
         * (RFC 5246 7.4.1.3, RFC 5077 3.4). */
        t->is_resumed = bytes_equal(t->hello->session_id, hello->session_id);
    }
}

static void on_server_hello(struct builder *b, struct event *e)
{
    struct transcript *t = b->t;
    struct tls_server_hello *hello = arena_alloc(b->arena, sizeof *hello);
    struct fault fault = { 0 };
    if (hello == NULL) {
        return;
    }
    bool ok = e->type == HS_HELLO_RETRY_REQUEST
                  ? tls_hello_retry_request_parse(e->body, hello, &fault)
                  : tls_server_hello_parse(e->body, hello, &fault);
    if (!ok && t->server_hello == NULL) {
        t->server_hello_fault = fault;
        note_malformed(b, e, &fault);
    }
    if (hello->is_retry || e->type == HS_HELLO_RETRY_REQUEST) {
        e->flags |= EVENT_RETRY;
        if (t->hello_retry == NULL) {
            t->hello_retry = hello;
            t->hello_retry_event = e;
            t->version = 0x0304;
            t->version_on_wire = hello->version;
            t->group = share_group(hello->ext.key_share);
        }
        violations_server_hello(b, e, hello);
        return;
    }
    if (t->server_hello != NULL) {
        return; /* of a renegotiation */
    }
    t->server_hello = hello;
    t->server_hello_event = e;
    t->version_on_wire = hello->version;
    t->version = (tls_is_tls13(hello->version) || hello->version == 0xfefc) && !t->is_dtls
                     ? 0x0304
                     : hello->version;
    t->cipher_suite = hello->cipher_suite;
    if (tls_has(&hello->ext, TLS_EXT_KEY_SHARE)) {
        t->group = share_group(hello->ext.key_share);
    }
    if (!transcript_is_tls13(t) ||
        tls_has(&hello->ext, TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION)) {
        struct bytes list = hello->ext.alpn;
        tls_alpn_next(&list, &t->alpn_selected);
    }
    keep_resumption(t, hello);
    violations_server_hello(b, e, hello);
}

static void on_encrypted_extensions(struct builder *b, struct event *e)
{
    struct tls_extensions *ext = arena_alloc(b->arena, sizeof *ext);
    struct fault fault = { 0 };
    if (ext == NULL) {
        return;
    }
    if (!tls_encrypted_extensions_parse(e->body, ext, &fault)) {
        note_malformed(b, e, &fault);
    }
    struct bytes list = ext->alpn;
    tls_alpn_next(&list, &b->t->alpn_selected);
    b->t->early_data_accepted = tls_has(ext, TLS_EXT_EARLY_DATA);
}

static void keep_chain(struct builder *b, struct event *e, const struct tls_certificate *message)
{
    struct side_facts *side = &b->t->side[e->side];
    side->certificate_is_empty = message->n_total == 0;
    if (side->ocsp_response.len == 0) {
        side->ocsp_response = message->ocsp_response;
    }
    if (e->chain == NULL && message->n > 0 && b->store != NULL) {
        e->chain = x509_store_chain(b->store, message->list, message->n);
        b->taken[e->side] = e->chain;
    }
    side->chain = e->chain;
}

static void on_certificate(struct builder *b, struct event *e)
{
    struct side_facts *side = &b->t->side[e->side];
    struct tls_certificate message = { 0 };
    struct fault fault = { 0 };
    bool unsupported = false;
    if (side->has_certificate) {
        return; /* of a renegotiation or after the handshake */
    }
    side->has_certificate = true;
    side->certificate_event = e;
    if (e->chain != NULL) { /* the source parsed it already, and keeps the chain, not the bytes */
        side->chain = e->chain;
        return;
    }
    bool ok = e->type == HS_COMPRESSED_CERTIFICATE
                  ? tls_compressed_certificate_parse(e->body, b->t->version, b->arena, &message,
                                                     &unsupported, &fault)
                  : tls_certificate_parse(e->body, b->t->version, &message, &fault);
    if (!ok || unsupported) {
        side->certificate_unreadable = true;
    }
    if (!ok) {
        note_malformed(b, e, &fault);
        return;
    }
    if (!unsupported) {
        keep_chain(b, e, &message);
        if (message.n_total == 0 && e->side == SIDE_SERVER) {
            /* RFC 8446 4.4.2: "The server's certificate_list MUST always be non-empty." */
            violations_note(b->t, e, "the server's Certificate message is empty (RFC 8446 4.4.2)");
        }
    }
}

static void on_certificate_request(struct builder *b, struct event *e)
{
    struct tls_certificate_request *request = arena_alloc(b->arena, sizeof *request);
    struct fault fault = { 0 };
    if (request == NULL || b->t->certificate_request != NULL) {
        return;
    }
    if (!tls_certificate_request_parse(e->body, b->t->version, request, &fault)) {
        note_malformed(b, e, &fault);
    }
    b->t->certificate_request = request;
    b->t->certificate_request_event = e;
}

static void on_server_key_exchange(struct builder *b, struct event *e)
{
    struct tls_server_key_exchange *message = arena_alloc(b->arena, sizeof *message);
    struct fault fault = { 0 };
    if (message == NULL || b->t->server_key_exchange != NULL) {
        return;
    }
    if (!tls_server_key_exchange_parse(e->body, b->t->version, b->t->cipher_suite, message,
                                       &fault)) {
        note_malformed(b, e, &fault);
    }
    b->t->server_key_exchange = message;
    b->t->server_key_exchange_event = e;
    b->t->group = message->group != 0 ? message->group : b->t->group;
}

static void on_certificate_verify(struct builder *b, struct event *e)
{
    struct tls_certificate_verify message = { 0 };
    struct fault fault = { 0 };
    if (!tls_certificate_verify_parse(e->body, b->t->version, &message, &fault)) {
        note_malformed(b, e, &fault);
    }
    b->t->side[e->side].certificate_verify_algorithm = message.signature_algorithm;
}

static void on_certificate_status(struct builder *b, struct event *e)
{
    struct fault fault = { 0 };
    if (!tls_certificate_status_parse(e->body, &b->t->side[e->side].ocsp_response, &fault)) {
        note_malformed(b, e, &fault);
    }
}

static void on_finished(struct builder *b, struct event *e)
{
    b->t->side[e->side].finished = true;
    b->handshake_over[e->side] = true;
}

static void on_other_message(struct builder *b, struct event *e)
{
    struct transcript *t = b->t;
    t->server_hello_done = t->server_hello_done || e->type == HS_SERVER_HELLO_DONE;
    t->client_key_exchange = t->client_key_exchange || e->type == HS_CLIENT_KEY_EXCHANGE;
    t->has_ticket = t->has_ticket || e->type == HS_NEW_SESSION_TICKET;
    if (e->type == HS_HELLO_REQUEST && b->handshake_over[SIDE_CLIENT]) {
        t->is_renegotiation = true;
        t->renegotiation_event = t->renegotiation_event == NULL ? e : t->renegotiation_event;
    }
}

static const struct {
    uint8_t type;
    void (*read)(struct builder *b, struct event *e);
} readers[] = {
    { HS_CLIENT_HELLO, on_client_hello },
    { HS_SERVER_HELLO, on_server_hello },
    { HS_HELLO_RETRY_REQUEST, on_server_hello },
    { HS_ENCRYPTED_EXTENSIONS, on_encrypted_extensions },
    { HS_CERTIFICATE, on_certificate },
    { HS_COMPRESSED_CERTIFICATE, on_certificate },
    { HS_CERTIFICATE_REQUEST, on_certificate_request },
    { HS_SERVER_KEY_EXCHANGE, on_server_key_exchange },
    { HS_CERTIFICATE_VERIFY, on_certificate_verify },
    { HS_CERTIFICATE_STATUS, on_certificate_status },
    { HS_FINISHED, on_finished },
};

void builder_handshake(struct builder *b, struct event *e)
{
    b->t->side[e->side].sent_tls = true;
    if ((e->flags & EVENT_ENCRYPTED) != 0) {
        b->t->is_decrypted = true;
    }
    violations_order(b, e);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (readers[i].type == e->type) {
            readers[i].read(b, e);
            return;
        }
    }
    on_other_message(b, e);
}
