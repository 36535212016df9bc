#include "tls/extensions.h"

enum {
    SSL_2_0 = 0x0002,
    SSL_3_0 = 0x0300,
    TLS_1_1 = 0x0302,
    TLS_1_2 = 0x0303,
    TLS_1_3 = 0x0304,
    DTLS_1_0 = 0xfeff,
    DTLS_1_2 = 0xfefd,
    DTLS_1_3 = 0xfefc,
    DTLS_BAD = 0x0100, /* OpenSSL before 0.9.8f */
};

static void clear(struct tls_client_hello *out)
{
    memset(out, 0, offsetof(struct tls_client_hello, ext));
    tls_extensions_clear(&out->ext);
}

/* RFC 8446 section 4.1.2; the cookie: RFC 6347 section 4.2.1. */
bool tls_client_hello_parse(struct bytes body, bool is_dtls, struct tls_client_hello *out,
                            struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    clear(out);
    out->is_dtls = is_dtls;

    out->legacy_version = rd_u16(&r, "legacy_version");
    out->random = rd_bytes(&r, 32, "random");
    out->session_id = rd_vec8(&r, 0, 32, "legacy_session_id");
    if (is_dtls) {
        out->dtls_cookie = rd_vec8(&r, 0, 255, "legacy_cookie");
    }
    out->cipher_suites = tls_rd_u16_list16(&r, "cipher_suites");
    out->compression_methods = rd_vec8(&r, 1, 255, "legacy_compression_methods");
    if (rd_left(&r) > 0) { /* absent up to TLS 1.2, RFC 5246 section 7.4.1.2 */
        tls_extensions_read(&r, TLS_IN_CLIENT_HELLO, &out->ext);
    }
    rd_end(&r, "ClientHello");
    return fault->kind == FAULT_NONE;
}

/* draft-hickman-netscape-ssl section 2.5; RFC 5246 appendix E.2. */
bool tls_client_hello_parse_sslv2(struct bytes body, struct tls_client_hello *out,
                                  struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    clear(out);
    out->is_sslv2 = true;

    if (rd_u8(&r, "msg_type") != 1) {
        rd_fail(&r, FAULT_MALFORMED, "msg_type");
    }
    out->legacy_version = rd_u16(&r, "version");
    uint16_t cipher_spec_len = rd_u16(&r, "cipher_spec_length");
    uint16_t session_id_len = rd_u16(&r, "session_id_length");
    uint16_t challenge_len = rd_u16(&r, "challenge_length");
    if (cipher_spec_len == 0 || cipher_spec_len % 3 != 0) {
        rd_fail(&r, FAULT_MALFORMED, "cipher_spec_length");
    }
    out->cipher_suites = rd_bytes(&r, cipher_spec_len, "cipher_specs");
    out->session_id = rd_bytes(&r, session_id_len, "session_id");
    out->random = rd_bytes(&r, challenge_len, "challenge");
    rd_end(&r, "CLIENT-HELLO");
    return fault->kind == FAULT_NONE;
}

uint16_t tls_format_version(uint16_t version)
{
    uint8_t major = (uint8_t)(version >> 8);
    if (version == DTLS_1_3 || major == 0x7f || major == 0x7e || major == 0xfb) {
        return TLS_1_3;
    }
    if (version == DTLS_1_2) {
        return TLS_1_2;
    }
    return version == DTLS_1_0 || version == DTLS_BAD ? TLS_1_1 : version;
}

/* The version as one of the finished protocols; 0 where it is none known. */
static uint16_t finished_version(uint16_t version, bool is_dtls)
{
    if (is_dtls) {
        return version == DTLS_1_0 || version == DTLS_1_2 || version == DTLS_1_3 ? version : 0;
    }
    bool is_of_dtls = version >> 8 == 0xfe || version == DTLS_BAD;
    uint16_t format = is_of_dtls ? 0 : tls_format_version(version);
    return format >= SSL_3_0 && format <= TLS_1_3 ? format : 0;
}

/* DTLS counts downwards. */
static bool is_newer(uint16_t a, uint16_t b, bool is_dtls)
{
    return is_dtls ? a < b : a > b;
}

static bool offered_by_list(const struct tls_client_hello *hello, uint16_t *min, uint16_t *max)
{
    bool found = false;
    for (size_t i = 0; i < tls_u16_count(hello->ext.supported_versions); i++) {
        uint16_t v = finished_version(tls_u16_at(hello->ext.supported_versions, i), hello->is_dtls);
        if (v == 0) {
            continue;
        }
        if (!found || is_newer(v, *max, hello->is_dtls)) {
            *max = v;
        }
        if (!found || is_newer(*min, v, hello->is_dtls)) {
            *min = v;
        }
        found = true;
    }
    return found;
}

/* RFC 8446 section 4.2.1: without the extension at most TLS 1.2 can be negotiated. */
static bool offered_by_legacy(const struct tls_client_hello *hello, uint16_t *min, uint16_t *max)
{
    uint16_t legacy = hello->legacy_version;
    if (hello->is_dtls) {
        bool is_old = legacy == DTLS_BAD;
        *min = is_old ? DTLS_BAD : DTLS_1_0;
        *max = is_old || legacy == DTLS_1_0 ? *min : DTLS_1_2;
        return is_old || legacy >> 8 == 0xfe;
    }
    *min = hello->is_sslv2 ? SSL_2_0 : SSL_3_0;
    *max = legacy > TLS_1_2 ? TLS_1_2 : legacy;
    return legacy >= *min;
}

bool tls_offered_versions(const struct tls_client_hello *hello, uint16_t *min, uint16_t *max)
{
    *min = 0;
    *max = 0;
    if (hello->ext.supported_versions.len > 0) {
        return offered_by_list(hello, min, max);
    }
    return offered_by_legacy(hello, min, max);
}

bool tls_offers_version(const struct tls_client_hello *hello, uint16_t version)
{
    struct bytes list = hello->ext.supported_versions;
    if (list.len == 0) {
        uint16_t min;
        uint16_t max;
        return offered_by_legacy(hello, &min, &max) && !is_newer(version, max, hello->is_dtls) &&
               !is_newer(min, version, hello->is_dtls);
    }
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        uint16_t offered = tls_u16_at(list, i);
        if (offered == version || finished_version(offered, hello->is_dtls) == version) {
            return true;
        }
    }
    return false;
}
