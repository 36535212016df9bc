/*
 * Promises: every view of a message lies within it, or within what was uncompressed; a parse fails
 * exactly where it names a fault.
 * Input: a byte that chooses the message, one that chooses version and suite, then the message.
 */
#include <stdlib.h>

#include "base/status.h"
#include "tls/message.h"

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

static void check_certificate(struct bytes body, uint16_t version, struct fault *fault)
{
    struct tls_certificate out;
    bool ok = tls_certificate_parse(body, version, &out, fault);
    must(ok == (fault->kind == FAULT_NONE));
    must(out.n <= TLS_CERTIFICATES_MAX && out.n <= out.n_total);
    for (size_t i = 0; i < out.n; i++) {
        must(out.list[i].len > 0);
        check_view(out.list[i], body);
    }
    check_view(out.ocsp_response, body);
    check_view(out.request_context, body);
}

static void check_compressed(struct bytes body, uint16_t version, struct fault *fault)
{
    struct arena arena = { .limit_bytes = 1 << 21 };
    struct tls_certificate out;
    bool unsupported;
    bool ok = tls_compressed_certificate_parse(body, version, &arena, &out, &unsupported, fault);
    must(ok == (fault->kind == FAULT_NONE));
    must(!unsupported || (ok && out.n == 0));
    unsigned sum = 0;
    for (size_t i = 0; i < out.n; i++) {
        sum += out.list[i].p[0] + out.list[i].p[out.list[i].len - 1];
    }
    must(sum <= 2 * 255 * TLS_CERTIFICATES_MAX);
    arena_deinit(&arena);
}

static void check_request(struct bytes body, uint16_t version, struct fault *fault)
{
    struct tls_certificate_request out;
    bool ok = tls_certificate_request_parse(body, version, &out, fault);
    must(ok == (fault->kind == FAULT_NONE));
    check_view(out.authorities, body);
    check_view(out.signature_algorithms, body);
    check_view(out.certificate_types, body);
    size_t walked = 0;
    struct bytes list = out.authorities;
    struct bytes name;
    while (tls_authority_next(&list, &name)) {
        walked += 2 + name.len;
    }
    must(!ok || walked == out.authorities.len);
}

static void check_key_exchange(struct bytes body, uint16_t version, uint16_t suite,
                               struct fault *fault)
{
    struct tls_server_key_exchange out;
    bool ok = tls_server_key_exchange_parse(body, version, suite, &out, fault);
    must(ok == (fault->kind == FAULT_NONE));
    check_view(out.public_key, body);
    check_view(out.dh_p, body);
    check_view(out.dh_g, body);
    check_view(out.dh_ys, body);
    check_view(out.signature, body);
    must(out.dh_bits <= 8 * out.dh_p.len);
}

static void check_others(unsigned kind, struct bytes body, uint16_t version, struct fault *fault)
{
    struct tls_certificate_verify verify;
    struct tls_session_ticket ticket;
    struct bytes response;
    if (kind == 4) {
        must(tls_certificate_verify_parse(body, version, &verify, fault) ==
             (fault->kind == FAULT_NONE));
        check_view(verify.signature, body);
    } else if (kind == 5) {
        must(tls_session_ticket_parse(body, version, &ticket, fault) ==
             (fault->kind == FAULT_NONE));
        check_view(ticket.ticket, body);
    } else {
        must(tls_certificate_status_parse(body, &response, fault) == (fault->kind == FAULT_NONE));
        check_view(response, body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t versions[] = { 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x7f17, 0xfefd };
    static const uint16_t suites[] = { 0xc02f, 0xc013, 0x009e, 0x00a6, 0x00aa,
                                       0xc035, 0x008c, 0x0003, 0x1301 };
    if (size < 2) {
        return 0;
    }
    struct bytes body = bytes_of(data + 2, size - 2);
    uint16_t version = versions[data[1] % ARRAY_LEN(versions)];
    uint16_t suite = suites[data[1] / ARRAY_LEN(versions) % ARRAY_LEN(suites)];
    struct fault fault = { 0 };
    unsigned kind = data[0] % 7;
    if (kind == 0) {
        check_certificate(body, version, &fault);
    } else if (kind == 1) {
        check_compressed(body, version, &fault);
    } else if (kind == 2) {
        check_request(body, version, &fault);
    } else if (kind == 3) {
        check_key_exchange(body, version, suite, &fault);
    } else {
        check_others(kind, body, version, &fault);
    }
    must(fault.kind == FAULT_NONE || fault.what != NULL);
    return 0;
}
