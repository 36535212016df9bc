#include "tls/message.h"
#include "tls/names.h"

enum { NAMED_CURVE = 3, TLS_1_2 = 0x0303 };

static unsigned bit_count(struct bytes number)
{
    while (number.len > 0 && number.p[0] == 0) {
        number = bytes_skip(number, 1);
    }
    if (number.len == 0) {
        return 0;
    }
    unsigned bits = (unsigned)(8 * (number.len - 1));
    for (unsigned top = number.p[0]; top > 0; top >>= 1) {
        bits++;
    }
    return bits;
}

/* RFC 5246 section 7.4.3. */
static void read_dh(struct reader *r, struct tls_server_key_exchange *out)
{
    out->dh_p = rd_vec16(r, 1, 65535, "dh_p");
    out->dh_g = rd_vec16(r, 1, 65535, "dh_g");
    out->dh_ys = rd_vec16(r, 1, 65535, "dh_Ys");
    out->dh_bits = bit_count(out->dh_p);
    out->is_understood = true;
}

/* RFC 8422 section 5.4; explicit curves (RFC 4492) are not taken apart. */
static void read_ecdh(struct reader *r, struct tls_server_key_exchange *out)
{
    out->curve_type = rd_u8(r, "curve_type");
    if (out->curve_type != NAMED_CURVE) {
        return;
    }
    out->group = rd_u16(r, "namedcurve");
    out->public_key = rd_vec8(r, 1, 255, "public");
    out->is_understood = true;
}

static void read_params(struct reader *r, enum tls_kx kx, struct tls_server_key_exchange *out)
{
    if (kx == TLS_KX_DHE_PSK || kx == TLS_KX_ECDHE_PSK) { /* RFC 4279, RFC 5489 */
        rd_vec16(r, 0, 65535, "psk_identity_hint");
    }
    if (kx == TLS_KX_DHE || kx == TLS_KX_DHE_PSK) {
        read_dh(r, out);
    } else if (kx == TLS_KX_ECDHE || kx == TLS_KX_ECDHE_PSK) {
        read_ecdh(r, out);
    }
}

static bool is_signed(const struct tls_cipher_suite *suite)
{
    return suite->auth == TLS_AUTH_RSA || suite->auth == TLS_AUTH_DSS ||
           suite->auth == TLS_AUTH_ECDSA;
}

static void read_signature(struct reader *r, uint16_t version, uint16_t *algorithm,
                           struct bytes *signature)
{
    if (tls_format_version(version) >= TLS_1_2) {
        *algorithm = rd_u16(r, "algorithm");
    }
    *signature = rd_vec16(r, 0, 65535, "signature");
}

bool tls_server_key_exchange_parse(struct bytes body, uint16_t version, uint16_t cipher_suite,
                                   struct tls_server_key_exchange *out, struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    const struct tls_cipher_suite *suite = tls_cipher_suite(cipher_suite);
    *out = (struct tls_server_key_exchange){ 0 };

    if (suite == NULL) {
        return true;
    }
    read_params(&r, suite->kx, out);
    if (!out->is_understood) {
        return fault->kind == FAULT_NONE;
    }
    if (is_signed(suite)) {
        read_signature(&r, version, &out->signature_algorithm, &out->signature);
    }
    rd_end(&r, "ServerKeyExchange");
    return fault->kind == FAULT_NONE;
}

/* RFC 8446 section 4.4.3, RFC 5246 section 7.4.8. */
bool tls_certificate_verify_parse(struct bytes body, uint16_t version,
                                  struct tls_certificate_verify *out, struct fault *fault)
{
    struct reader r = rd_whole(body, fault);
    *out = (struct tls_certificate_verify){ 0 };
    read_signature(&r, version, &out->signature_algorithm, &out->signature);
    rd_end(&r, "CertificateVerify");
    return fault->kind == FAULT_NONE;
}
