/*
 * Promises: every view of a hello lies within its message, a fault within it too, and what was read
 * does not depend on what the struct held before.
 * Input: a byte that chooses the parser, then the message.
 */
#include <stdlib.h>

#include "base/status.h"
#include "tls/fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_view(struct bytes view, struct bytes body)
{
    must(view.len == 0 || (view.p >= body.p && view.len <= body.len &&
                           (size_t)(view.p - body.p) <= body.len - view.len));
}

static void check_fault(const struct fault *fault, bool ok, struct bytes body)
{
    must(ok == (fault->kind == FAULT_NONE));
    must(fault->at <= body.len);
    must(ok || fault->what != NULL);
}

static void check_extensions(const struct tls_extensions *ext, struct bytes body)
{
    const struct bytes views[] = {
        ext->server_name,
        ext->supported_versions,
        ext->supported_groups,
        ext->alpn,
        ext->signature_algorithms,
        ext->signature_algorithms_cert,
        ext->key_share,
        ext->psk_modes,
        ext->psk_identities,
        ext->psk_binders,
        ext->cookie,
        ext->renegotiation_info,
        ext->session_ticket,
        ext->compress_certificate,
        ext->ech,
        ext->ec_point_formats,
    };
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        check_view(views[i], body);
    }
    must(ext->n <= TLS_EXTENSIONS_MAX && ext->n <= ext->n_total);
    for (size_t i = 0; i < ext->n; i++) {
        check_view(ext->list[i].body, body);
        must(tls_has(ext, ext->list[i].type));
    }
    must(ext->fault.at <= body.len);
    struct bytes list = ext->alpn;
    struct bytes item;
    uint16_t group;
    while (tls_alpn_next(&list, &item)) {
        check_view(item, body);
    }
    list = ext->key_share;
    while (tls_key_share_next(&list, &group, &item)) {
        check_view(item, body);
    }
}

static void check_client(struct bytes body, unsigned kind)
{
    static struct tls_client_hello hello; /* holds what the last input left */
    static struct tls_client_hello again;
    struct fault fault = { 0 };
    struct fault fault_again = { 0 };
    bool ok = kind == 2 ? tls_client_hello_parse_sslv2(body, &hello, &fault)
                        : tls_client_hello_parse(body, kind == 1, &hello, &fault);
    check_fault(&fault, ok, body);
    check_extensions(&hello.ext, body);
    check_view(hello.random, body);
    check_view(hello.session_id, body);
    check_view(hello.dtls_cookie, body);
    check_view(hello.cipher_suites, body);
    check_view(hello.compression_methods, body);
    uint16_t min;
    uint16_t max;
    if (tls_offered_versions(&hello, &min, &max)) {
        must(tls_offers_version(&hello, min) && tls_offers_version(&hello, max));
    }
    char ja4[TLS_JA4_BYTES];
    char ja4_again[TLS_JA4_BYTES];
    memset(&again, 0xa5, sizeof again);
    must((kind == 2 ? tls_client_hello_parse_sslv2(body, &again, &fault_again)
                    : tls_client_hello_parse(body, kind == 1, &again, &fault_again)) == ok);
    must(tls_ja4(&hello, TLS_OVER_TCP, ja4) == tls_ja4(&again, TLS_OVER_TCP, ja4_again));
    must(strcmp(ja4, ja4_again) == 0);
    must(hello.ext.fault.kind == again.ext.fault.kind && hello.ext.fault.at == again.ext.fault.at);
    struct text text = { 0 };
    tls_ja3_put(&hello, &text);
    text_deinit(&text);
}

static void check_server(struct bytes body, unsigned kind)
{
    static struct tls_server_hello hello;
    struct fault fault = { 0 };
    bool ok = kind == 3 ? tls_server_hello_parse(body, &hello, &fault)
                        : tls_hello_retry_request_parse(body, &hello, &fault);
    check_fault(&fault, ok, body);
    check_extensions(&hello.ext, body);
    check_view(hello.random, body);
    check_view(hello.session_id, body);
    char ja4s[TLS_JA4S_BYTES];
    must(tls_ja4s(&hello, TLS_OVER_TCP, ja4s) == (hello.ext.n == hello.ext.n_total));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    static struct tls_extensions ext;
    struct bytes body = bytes_of(data + 1, size - 1);
    struct fault fault = { 0 };
    unsigned kind = data[0] % 6;
    if (kind < 3) {
        check_client(body, kind);
    } else if (kind < 5) {
        check_server(body, kind);
    } else {
        check_fault(&fault, tls_encrypted_extensions_parse(body, &ext, &fault), body);
        check_extensions(&ext, body);
    }
    return 0;
}
