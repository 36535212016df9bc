#include "diagnose/offers.h"

#include "base/status.h"
#include "tls/names.h"

struct suite_count {
    unsigned n, tls13, ecdhe, modern_rsa, modern_ecdsa, forward_secret, weak;
};

static bool is_modern(const struct tls_cipher_suite *s)
{
    bool aead = s->mode == TLS_MODE_GCM || s->mode == TLS_MODE_POLY1305;
    return aead && s->kx == TLS_KX_ECDHE;
}

static void count_suite(struct suite_count *c, const struct tls_cipher_suite *s)
{
    c->n++;
    if (s->needs_tls13) {
        c->tls13++;
        return;
    }
    c->ecdhe += s->kx == TLS_KX_ECDHE || s->kx == TLS_KX_ECDH || s->kx == TLS_KX_ECDHE_PSK;
    c->weak += tls_cipher_suite_is_weak(s->value);
    c->forward_secret += s->kx == TLS_KX_ECDHE || s->kx == TLS_KX_DHE;
    c->modern_rsa += is_modern(s) && s->auth == TLS_AUTH_RSA;
    c->modern_ecdsa += is_modern(s) && s->auth == TLS_AUTH_ECDSA;
}

static struct suite_count count_suites(const struct tls_client_hello *hello)
{
    struct suite_count c = { 0 };
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        uint16_t value = tls_u16_at(hello->cipher_suites, i);
        const struct tls_cipher_suite *s = tls_cipher_suite(value);
        if (s != NULL && !tls_cipher_suite_is_scsv(value)) {
            count_suite(&c, s);
        }
    }
    return c;
}

static struct oddness measure_suites(const struct tls_client_hello *hello, uint16_t max_version)
{
    struct suite_count c = count_suites(hello);
    unsigned old = c.n - c.tls13;
    if (c.n == 0) {
        return (struct oddness){ 3, "the client offers no cipher suite that is known" };
    }
    if (c.weak == c.n) {
        return (struct oddness){ 3, "the client offers only suites that are refused today" };
    }
    if (max_version == 0x0304 && old == 0) {
        bool few = c.tls13 == 1;
        return (struct oddness){ few ? 1 : 0, "the client offers a single TLS 1.3 suite" };
    }
    if (c.forward_secret == 0 && c.tls13 == 0) {
        return (struct oddness){ 3, "the client offers no suite with forward secrecy" };
    }
    if (c.modern_rsa + c.modern_ecdsa == 0) {
        return (struct oddness){ 2, "the client offers no ECDHE suite with AES-GCM or ChaCha20" };
    }
    if (c.modern_rsa == 0) {
        return (struct oddness){
            2, "the client offers ECDSA suites only, and most certificates are RSA"
        };
    }
    if (c.modern_ecdsa == 0) {
        return (struct oddness){ 1, "the client offers no suite for an ECDSA certificate" };
    }
    return (struct oddness){ old <= 2 ? 1U : 0U,
                             "the client offers two suites or fewer up to TLS 1.2" };
}

static struct oddness measure_groups(const struct tls_client_hello *hello, uint16_t max_version)
{
    struct bytes groups = hello->ext.supported_groups;
    struct suite_count c = count_suites(hello);
    if (c.tls13 == 0 && c.ecdhe == 0) {
        return (struct oddness){ 0, "no suite offered needs a group" };
    }
    if (!tls_has(&hello->ext, TLS_EXT_SUPPORTED_GROUPS)) {
        return (struct oddness){ max_version == 0x0304 ? 3U : 0U, "the client names no group" };
    }
    bool p256 = tls_u16_has(groups, 23);
    bool x25519 = tls_u16_has(groups, 29);
    if (!p256 && !x25519) {
        bool p384 = tls_u16_has(groups, 24);
        return (struct oddness){ p384 ? 2U : 3U, "the client offers neither x25519 nor secp256r1" };
    }
    if (!p256) {
        return (struct oddness){ 1, "the client does not offer secp256r1" };
    }
    return (struct oddness){ tls_u16_count(groups) == 1 ? 1U : 0U,
                             "the client offers one group only" };
}

static bool has_any(struct bytes list, const uint16_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tls_u16_has(list, values[i])) {
            return true;
        }
    }
    return false;
}

static struct oddness measure_signatures(const struct tls_client_hello *hello, uint16_t max_version)
{
    static const uint16_t rsa[] = { 0x0401, 0x0804, 0x0501, 0x0805, 0x0601, 0x0806 };
    static const uint16_t pss[] = { 0x0804, 0x0805, 0x0806 };
    static const uint16_t ecdsa[] = { 0x0403, 0x0503, 0x0603 };
    struct bytes list = hello->ext.signature_algorithms;
    if (!tls_has(&hello->ext, TLS_EXT_SIGNATURE_ALGORITHMS)) {
        /* Up to TLS 1.2 their absence means SHA-1 (RFC 5246 7.4.1.4.1), which servers refuse by
         * now. */
        return (struct oddness){ max_version == 0x0303 ? 1U : 0U,
                                 "the client names no signature algorithm, which means SHA-1" };
    }
    bool has_rsa = max_version == 0x0304 && !tls_offers_version(hello, 0x0303)
                       ? has_any(list, pss, ARRAY_LEN(pss))
                       : has_any(list, rsa, ARRAY_LEN(rsa));
    bool has_ecdsa = has_any(list, ecdsa, ARRAY_LEN(ecdsa));
    if (!has_rsa && !has_ecdsa) {
        return (struct oddness){ 3, "the client accepts no common RSA or ECDSA signature" };
    }
    if (!has_rsa) {
        return (struct oddness){
            3, "the client accepts no RSA signature, and most certificates are RSA"
        };
    }
    return (struct oddness){ has_ecdsa ? 0U : 2U, "the client accepts no ECDSA signature" };
}

void offers_measure(const struct tls_client_hello *hello, uint16_t max_version,
                    struct offer_oddness *out)
{
    out->suites = measure_suites(hello, max_version);
    out->groups = measure_groups(hello, max_version);
    out->signatures = measure_signatures(hello, max_version);
}
