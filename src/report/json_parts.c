#include "report/json_parts.h"

#include "base/clock.h"
#include "report/describe.h"
#include "tls/fingerprint.h"
#include "tls/names.h"

void json_ms(struct json *j, const char *key, int64_t ns)
{
    char digits[32];
    size_t at = sizeof digits;
    uint64_t us = (ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns) / 1000;
    digits[--at] = '\0';
    for (unsigned n = 0; us > 0 || n < 4; n++) {
        if (n == 3) {
            digits[--at] = '.';
        }
        digits[--at] = (char)('0' + us % 10);
        us /= 10;
    }
    if (ns < 0) {
        digits[--at] = '-';
    }
    json_raw(j, key, digits + at);
}

void json_code(struct json *j, const char *key, const char *name, uint16_t value)
{
    static const char hex[] = "0123456789abcdef";
    char code[7] = {
        '0', 'x', hex[value >> 12], hex[value >> 8 & 15], hex[value >> 4 & 15], hex[value & 15]
    };
    json_str(j, key, name != NULL ? name : code);
}

static void json_codes(struct json *j, const char *key, struct bytes list,
                       const char *(*name)(uint16_t))
{
    json_array(j, key);
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        uint16_t value = tls_u16_at(list, i);
        json_code(j, NULL, name(value), value);
    }
    json_end_array(j);
}

/* --- negotiation --- */

/* Without supported_versions the list is what a server may choose: all from min to max. */
static void json_version_list(struct json *j, const struct tls_client_hello *hello, uint16_t min,
                              uint16_t max)
{
    if (hello->ext.supported_versions.len > 0) {
        json_codes(j, "list", hello->ext.supported_versions, tls_version_name);
        return;
    }
    json_array(j, "list");
    static const uint16_t versions[] = { 0x0304, 0x0303, 0x0302, 0x0301, 0x0300,
                                         0x0002, 0xfefc, 0xfefd, 0xfeff };
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (versions[i] == min || versions[i] == max || tls_offers_version(hello, versions[i])) {
            json_code(j, NULL, tls_version_name(versions[i]), versions[i]);
        }
    }
    json_end_array(j);
}

static void json_versions_offered(struct json *j, const struct tls_client_hello *hello)
{
    uint16_t min = 0;
    uint16_t max = 0;
    if (hello == NULL || !tls_offered_versions(hello, &min, &max)) {
        json_null(j, "versions_offered");
        return;
    }
    json_object(j, "versions_offered");
    json_code(j, "min", tls_version_name(min), min);
    json_code(j, "max", tls_version_name(max), max);
    json_version_list(j, hello, min, max);
    json_end_object(j);
}

static void json_alpn(struct json *j, const struct transcript *t)
{
    struct bytes list = t->hello != NULL ? t->hello->ext.alpn : (struct bytes){ NULL, 0 };
    struct bytes name;
    json_array(j, "alpn_offered");
    while (tls_alpn_next(&list, &name)) {
        json_bytes(j, NULL, name);
    }
    json_end_array(j);
    if (t->alpn_selected.len > 0) {
        json_bytes(j, "alpn_selected", t->alpn_selected);
    } else {
        json_null(j, "alpn_selected");
    }
}

void json_negotiation(struct json *j, const struct transcript *t)
{
    json_versions_offered(j, t->hello);
    if (t->version != 0) {
        json_code(j, "version", tls_version_name(t->version), t->version);
    } else {
        json_null(j, "version");
    }
    if (t->server_hello != NULL) {
        json_code(j, "cipher_suite", tls_cipher_suite_name(t->cipher_suite), t->cipher_suite);
    } else {
        json_null(j, "cipher_suite");
    }
    if (t->group != 0) {
        json_code(j, "group", tls_group_name(t->group), t->group);
    } else {
        json_null(j, "group");
    }
    json_alpn(j, t);
    json_bool(j, "resumed", t->is_resumed);
}

/* --- client_hello and fingerprints --- */

void json_client_hello(struct json *j, const struct transcript *t, bool is_short)
{
    const struct tls_client_hello *hello = t->hello;
    if (hello == NULL || is_short) {
        json_null(j, "client_hello");
        return;
    }
    json_object(j, "client_hello");
    json_codes(j, "cipher_suites",
               hello->is_sslv2 ? (struct bytes){ NULL, 0 } : hello->cipher_suites,
               tls_cipher_suite_name);
    json_codes(j, "groups", hello->ext.supported_groups, tls_group_name);
    json_codes(j, "signature_algorithms", hello->ext.signature_algorithms,
               tls_signature_algorithm_name);
    json_array(j, "extensions");
    for (size_t i = 0; i < hello->ext.n; i++) {
        uint16_t type = hello->ext.list[i].type;
        json_code(j, NULL, tls_extension_name(type), type);
    }
    json_end_array(j);
    json_bool(j, "sslv2_framing", hello->is_sslv2);
    json_end_object(j);
}

void json_fingerprints(struct json *j, const struct transcript *t)
{
    char ja3[TLS_JA3_BYTES];
    char ja3s[TLS_JA3_BYTES];
    char ja4[TLS_JA4_BYTES];
    char ja4s[TLS_JA4S_BYTES];
    enum tls_transport over = t->is_dtls ? TLS_OVER_UDP : TLS_OVER_TCP;
    const struct tls_client_hello *hello = t->hello;
    const struct tls_server_hello *answer = t->server_hello;
    json_str(j, "ja3", hello != NULL && tls_ja3(hello, ja3) ? ja3 : NULL);
    json_str(j, "ja3s", answer != NULL && tls_ja3s(answer, ja3s) ? ja3s : NULL);
    json_str(j, "ja4", hello != NULL && tls_ja4(hello, over, ja4) ? ja4 : NULL);
    json_str(j, "ja4s", answer != NULL && tls_ja4s(answer, over, ja4s) ? ja4s : NULL);
}

/* --- certificates --- */

static void json_time(struct json *j, const char *key, int64_t at_s)
{
    bool fits = at_s > INT64_MIN / NS_PER_S && at_s < INT64_MAX / NS_PER_S;
    json_raw(j, key, "\"");
    if (fits) {
        clock_put(j->out, at_s * NS_PER_S, 0);
    } else { /* beyond the reach of nanoseconds in 64 bits: year 9999 */
        clock_put_date(j->out, at_s);
        text_puts(j->out, "T00:00:00Z");
    }
    text_putc(j->out, '"');
}

static void json_certificate(struct json *j, const struct x509_facts *c)
{
    json_object(j, NULL);
    json_bool(j, "is_parsed", c->is_parsed);
    json_str(j, "subject", c->subject);
    json_str(j, "issuer", c->issuer);
    json_array(j, "names");
    for (size_t i = 0; i < c->n_names && i < X509_NAMES_MAX; i++) {
        json_str(j, NULL, c->names[i]);
    }
    json_end_array(j);
    if (c->is_parsed) {
        json_time(j, "not_before", c->not_before_s);
        json_time(j, "not_after", c->not_after_s);
    } else {
        json_null(j, "not_before");
        json_null(j, "not_after");
    }
    json_str(j, "serial", c->serial_hex);
    json_str(j, "sha256", c->sha256_hex);
    json_str(j, "key", c->key_type);
    json_u64(j, "key_bits", c->key_bits);
    json_str(j, "signature", c->signature_algorithm);
    json_end_object(j);
}

static void json_chain(struct json *j, enum side side, const struct side_facts *s, bool is_short)
{
    if (s->chain == NULL) {
        json_null(j, side_name(side));
        return;
    }
    size_t n = x509_chain_n(s->chain);
    json_array(j, side_name(side));
    for (size_t i = 0; i < n && (i == 0 || !is_short); i++) {
        json_certificate(j, x509_chain_facts(s->chain, i));
    }
    json_end_array(j);
}

static void json_faults(struct json *j, enum side side, const struct verdict *v)
{
    if (!v->chain[side].is_judged) {
        json_null(j, side_name(side));
        return;
    }
    const struct x509_judgement *judgement = &v->chain[side].judgement;
    json_array(j, side_name(side));
    for (size_t i = 0; i < judgement->n_faults && i < X509_FAULTS_MAX; i++) {
        const struct x509_fault *f = &judgement->faults[i];
        json_object(j, NULL);
        json_str(j, "id", x509_fault_id(f->kind));
        if (f->culprit >= 0) {
            json_u64(j, "certificate", (uint64_t)f->culprit);
        } else {
            json_null(j, "certificate"); /* one of the trust store, not of the chain */
        }
        json_str(j, "detail", f->detail);
        json_end_object(j);
    }
    json_end_array(j);
}

void json_certificates(struct json *j, const struct transcript *t, const struct verdict *v,
                       bool is_short)
{
    const struct side_facts *client = &t->side[SIDE_CLIENT];
    const struct side_facts *server = &t->side[SIDE_SERVER];
    if (client->chain == NULL && server->chain == NULL && !v->chain[SIDE_CLIENT].is_judged &&
        !v->chain[SIDE_SERVER].is_judged) {
        json_raw(j, "certificates",
                 "{\"client\":null,\"server\":null},"
                 "\"chain_faults\":{\"client\":null,\"server\":null}");
        return;
    }
    json_object(j, "certificates");
    json_chain(j, SIDE_CLIENT, client, is_short);
    json_chain(j, SIDE_SERVER, server, is_short);
    json_end_object(j);
    json_object(j, "chain_faults");
    json_faults(j, SIDE_CLIENT, v);
    json_faults(j, SIDE_SERVER, v);
    json_end_object(j);
}
