#include "report/describe.h"

#include "base/clock.h"
#include "tls/names.h"

enum { HANDSHAKE_NEW_SESSION_TICKET = 4, HANDSHAKE_CERTIFICATE_VERIFY = 15 };
enum { HANDSHAKE_ENCRYPTED_EXTENSIONS = 8, PLAINTEXT_SHOWN_BYTES = 60 };

static void separate(struct text *out, size_t start)
{
    if (out->len > start) {
        text_puts(out, ", ");
    }
}

/* "0x1301" where the registry has no name. */
static void put_code(struct text *out, const char *name, uint16_t value)
{
    if (name != NULL) {
        text_puts(out, name);
        return;
    }
    uint8_t be[2] = { (uint8_t)(value >> 8), (uint8_t)value };
    text_puts(out, "0x");
    text_put_hex(out, bytes_of(be, sizeof be));
}

void describe_name(struct text *out, const struct event *e)
{
    const char *name = event_name(e);
    if (e->kind == EVENT_ALERT && strncmp(name, "Alert", strlen("Alert")) != 0) {
        text_puts(out, "Alert ");
    }
    text_puts(out, name);
}

bool describe_is_real_suite(uint16_t suite)
{
    return !tls_is_grease(suite) && !tls_cipher_suite_is_scsv(suite);
}

static size_t count_suites(const struct tls_client_hello *hello)
{
    if (hello->is_sslv2) {
        return hello->cipher_suites.len / 3; /* SSL 2.0 cipher kinds have 3 bytes */
    }
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        n += describe_is_real_suite(tls_u16_at(hello->cipher_suites, i));
    }
    return n;
}

bool describe_offered_versions(struct text *out, const struct tls_client_hello *hello)
{
    uint16_t min = 0;
    uint16_t max = 0;
    if (!tls_offered_versions(hello, &min, &max)) {
        return false;
    }
    if (!tls_has(&hello->ext, TLS_EXT_SUPPORTED_VERSIONS)) { /* it names its highest only */
        text_puts(out, "up to ");
        put_code(out, tls_version_name(max), max);
        return true;
    }
    put_code(out, tls_version_name(min), min);
    if (max != min) {
        text_puts(out, " to ");
        put_code(out, tls_version_name(max), max);
    }
    return true;
}

static void put_alpn(struct text *out, struct bytes list)
{
    struct bytes name;
    for (size_t i = 0; tls_alpn_next(&list, &name); i++) {
        text_puts(out, i > 0 ? " " : "alpn ");
        text_put(out, (const char *)name.p, name.len);
    }
}

static void describe_client_hello(struct text *out, const struct tls_client_hello *hello)
{
    size_t start = out->len;
    describe_offered_versions(out, hello);
    separate(out, start);
    if (hello->ext.server_name.len > 0) {
        text_puts(out, "sni ");
        text_put(out, (const char *)hello->ext.server_name.p, hello->ext.server_name.len);
    } else {
        text_puts(out, "no sni");
    }
    if (hello->ext.alpn.len > 0) {
        text_puts(out, ", ");
        put_alpn(out, hello->ext.alpn);
    }
    size_t n = count_suites(hello);
    text_puts(out, ", ");
    text_put_u64(out, n);
    text_puts(out, n == 1 ? " suite" : " suites");
    if (hello->is_sslv2) {
        text_puts(out, ", SSL 2.0 framing");
    }
}

static void describe_server_hello(struct text *out, const struct transcript *t,
                                  const struct tls_server_hello *hello)
{
    put_code(out, tls_version_name(hello->version), hello->version);
    text_puts(out, ", ");
    put_code(out, tls_cipher_suite_name(hello->cipher_suite), hello->cipher_suite);
    uint16_t group = hello->is_retry && hello->ext.key_share.len == 2
                         ? load_be16(hello->ext.key_share.p)
                         : t->group;
    if (group != 0) {
        text_puts(out, hello->is_retry ? ", asks for group " : ", ");
        put_code(out, tls_group_name(group), group);
    }
    if (!hello->is_retry && t->is_resumed) {
        text_puts(out, ", resumed");
    }
}

static void describe_certificate(struct text *out, const struct transcript *t, enum side side)
{
    const struct side_facts *s = &t->side[side];
    if (s->certificate_is_empty) {
        text_puts(out, "empty: no certificate");
        return;
    }
    if (s->certificate_unreadable || s->chain == NULL || x509_chain_n(s->chain) == 0) {
        text_puts(out, s->certificate_unreadable ? "not readable" : "");
        return;
    }
    size_t n = x509_chain_n(s->chain);
    const struct x509_facts *leaf = x509_chain_facts(s->chain, 0);
    if (!leaf->is_parsed) {
        text_puts(out, "the leaf does not decode");
    } else {
        text_puts(out, leaf->subject);
        text_puts(out, ", issued by ");
        text_puts(out, leaf->is_self_issued ? "itself" : leaf->issuer);
        text_puts(out, ", ");
        clock_put_date(out, leaf->not_before_s);
        text_puts(out, " to ");
        clock_put_date(out, leaf->not_after_s);
    }
    if (n > 1) {
        text_puts(out, ", ");
        text_put_u64(out, n);
        text_puts(out, " certificates");
    }
}

static void describe_server_key_exchange(struct text *out,
                                         const struct tls_server_key_exchange *ske)
{
    size_t start = out->len;
    if (ske->group != 0) {
        put_code(out, tls_group_name(ske->group), ske->group);
    } else if (ske->dh_bits > 0) {
        text_puts(out, "DH ");
        text_put_u64(out, ske->dh_bits);
        text_puts(out, " bits");
    }
    if (ske->signature_algorithm != 0) {
        separate(out, start);
        put_code(out, tls_signature_algorithm_name(ske->signature_algorithm),
                 ske->signature_algorithm);
    }
}

static void describe_certificate_request(struct text *out, const struct tls_certificate_request *cr)
{
    struct bytes list = cr->authorities;
    struct bytes name;
    size_t n = 0;
    while (tls_authority_next(&list, &name)) {
        if (n == 0) {
            text_puts(out, "accepts issuer ");
            x509_name_put(out, name);
        }
        n++;
    }
    if (n == 0) {
        text_puts(out, "any issuer");
    } else if (n > 1) {
        text_puts(out, " and ");
        text_put_u64(out, n - 1);
        text_puts(out, " more");
    }
}

/* Messages that the transcript keeps no pointer to. */
static void describe_other_handshake(struct text *out, const struct transcript *t,
                                     const struct event *e)
{
    uint16_t alg = t->side[e->side].certificate_verify_algorithm;
    if (e->type == HANDSHAKE_CERTIFICATE_VERIFY && alg != 0) {
        put_code(out, tls_signature_algorithm_name(alg), alg);
    } else if (e->type == HANDSHAKE_ENCRYPTED_EXTENSIONS && t->alpn_selected.len > 0) {
        text_puts(out, "alpn ");
        text_put(out, (const char *)t->alpn_selected.p, t->alpn_selected.len);
    }
}

static void describe_handshake(struct text *out, const struct transcript *t, const struct event *e)
{
    if (e == t->hello_event && t->hello != NULL) {
        describe_client_hello(out, t->hello);
    } else if (e == t->retry_hello_event && t->retry_hello != NULL) {
        describe_client_hello(out, t->retry_hello);
    } else if (e == t->hello_retry_event && t->hello_retry != NULL) {
        describe_server_hello(out, t, t->hello_retry);
    } else if (e == t->server_hello_event && t->server_hello != NULL) {
        describe_server_hello(out, t, t->server_hello);
    } else if (e == t->side[e->side].certificate_event) {
        describe_certificate(out, t, (enum side)e->side);
    } else if (e == t->server_key_exchange_event && t->server_key_exchange != NULL) {
        describe_server_key_exchange(out, t->server_key_exchange);
    } else if (e == t->certificate_request_event && t->certificate_request != NULL) {
        describe_certificate_request(out, t->certificate_request);
    } else {
        describe_other_handshake(out, t, e);
    }
}

static void put_bytes_count(struct text *out, uint32_t len)
{
    if (len > 0) {
        text_put_u64(out, len);
        text_puts(out, len == 1 ? " byte" : " bytes");
    }
}

static void put_quoted(struct text *out, struct bytes body)
{
    size_t n = 0;
    while (n < body.len && n < PLAINTEXT_SHOWN_BYTES && body.p[n] != '\r' && body.p[n] != '\n') {
        n++;
    }
    text_putc(out, '"');
    text_put(out, (const char *)body.p, n);
    text_puts(out, n < body.len ? "...\"" : "\"");
}

static void describe_kind(struct text *out, const struct transcript *t, const struct event *e)
{
    switch ((enum event_kind)e->kind) {
    case EVENT_HANDSHAKE:
        describe_handshake(out, t, e);
        break;
    case EVENT_ALERT:
        text_puts(out, e->level == 2 ? "fatal" : e->level == 1 ? "warning" : "");
        break;
    case EVENT_PRELUDE:
    case EVENT_PLAINTEXT:
    case EVENT_RECORD_FAULT:
        if (e->body.len > 0) {
            put_quoted(out, e->body);
        }
        break;
    case EVENT_GAP:
        put_bytes_count(out, e->len);
        text_puts(out, e->len > 0 ? " not in the capture" : "");
        break;
    case EVENT_SEALED_ALERT:
    case EVENT_SEALED_HANDSHAKE:
    case EVENT_APPLICATION_DATA:
    case EVENT_PARTIAL_RECORD:
    case EVENT_UNOPENED:
        put_bytes_count(out, e->len);
        break;
    case EVENT_SYN:
    case EVENT_SYN_ACK:
    case EVENT_FIN:
    case EVENT_RST:
    case EVENT_RETRANSMISSION:
    case EVENT_ICMP:
    case EVENT_CHANGE_CIPHER_SPEC:
    case EVENT_HEARTBEAT:
    case EVENT_MALFORMED:
    case EVENT_LIMIT:
    case EVENT_N_KINDS:
        break;
    }
}

void describe_event(struct text *out, const struct transcript *t, const struct event *e)
{
    size_t start = out->len;
    describe_kind(out, t, e);
    if (e->text != NULL && e->text[0] != '\0') {
        separate(out, start);
        text_puts(out, e->text);
    }
    if ((e->flags & EVENT_INFERRED) != 0) {
        separate(out, start);
        text_puts(out, "inferred");
    }
    if ((e->flags & EVENT_SEQ_DIFFERS) != 0) {
        separate(out, start);
        text_puts(out, "another sequence number");
    }
}
