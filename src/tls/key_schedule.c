#include "tls/key_schedule.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum {
    LABEL_MAX = 64,
    RANDOM_BYTES = 32,
    SEED_BYTES = 2 * RANDOM_BYTES,
};

static const char label_prefix[] = "tls13 ";
static const char key_expansion[] = "key expansion";

/* Derives with the named KDF; the context is freed here. */
static bool derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

/* OSSL_PARAM takes pointers without const and only reads them. */
static OSSL_PARAM octets(const char *key, struct bytes b)
{
    return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)b.p, b.len);
}

static OSSL_PARAM name(const char *key, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

/* struct { uint16 length; opaque label<7..255>; opaque context<0..255>; } HkdfLabel */
bool tls13_expand_label(const char *digest, struct bytes secret, const char *label, uint8_t *out,
                        size_t out_len)
{
    uint8_t info[2 + 1 + LABEL_MAX + 1] = { (uint8_t)(out_len >> 8), (uint8_t)out_len };
    size_t prefix_len = sizeof label_prefix - 1;
    size_t len = prefix_len + strlen(label);
    if (len > LABEL_MAX || out_len > UINT16_MAX) {
        return false;
    }
    info[2] = (uint8_t)len;
    (void)bytes_copy(info + 3, LABEL_MAX, bytes_of(label_prefix, prefix_len));
    (void)bytes_copy(info + 3 + prefix_len, LABEL_MAX - prefix_len, bytes_of_str(label));

    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        name(OSSL_KDF_PARAM_DIGEST, digest),
        octets(OSSL_KDF_PARAM_KEY, secret),
        octets(OSSL_KDF_PARAM_INFO, bytes_of(info, 3 + len + 1)), /* an empty context */
        OSSL_PARAM_construct_end(),
    };
    return derive("HKDF", params, out, out_len);
}

bool tls12_key_block(const struct tls12_key_seed *seed, uint8_t *out, size_t out_len)
{
    uint8_t text[sizeof key_expansion - 1 + SEED_BYTES];
    if (seed->client_random.len != RANDOM_BYTES || seed->server_random.len != RANDOM_BYTES) {
        return false;
    }
    size_t at = sizeof key_expansion - 1;
    (void)bytes_copy(text, sizeof text, bytes_of(key_expansion, at));
    (void)bytes_copy(text + at, RANDOM_BYTES, seed->server_random);
    (void)bytes_copy(text + at + RANDOM_BYTES, RANDOM_BYTES, seed->client_random);
    OSSL_PARAM params[] = {
        name(OSSL_KDF_PARAM_DIGEST, seed->digest),
        octets(OSSL_KDF_PARAM_SECRET, seed->master_secret),
        octets(OSSL_KDF_PARAM_SEED, bytes_of(text, sizeof text)),
        OSSL_PARAM_construct_end(),
    };
    return derive("TLS1-PRF", params, out, out_len);
}
