#include "tls/record_cipher.h"

#include "base/status.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum {
    AEAD_NONCE_BYTES = 12,
    AEAD_TAG_BYTES = 16,
    CCM_8_TAG_BYTES = 8,
    GCM_SALT_BYTES = 4,
    VERSION_TLS11 = 0x0302,
    VERSION_TLS13 = 0x0304,
};

/* Which cipher a suite's name names, as OpenSSL calls it. The first that fits. */
struct cipher_row {
    const char *fragment;
    const char *evp;
};

/* clang-format off */
static const struct cipher_row cipher_rows[] = {
    { "AES_128_GCM",       "AES-128-GCM" },
    { "AES_256_GCM",       "AES-256-GCM" },
    { "AES_128_CCM",       "AES-128-CCM" },
    { "AES_256_CCM",       "AES-256-CCM" },
    { "AES_128_CBC",       "AES-128-CBC" },
    { "AES_256_CBC",       "AES-256-CBC" },
    { "CHACHA20_POLY1305", "ChaCha20-Poly1305" },
    { "CAMELLIA_128_CBC",  "CAMELLIA-128-CBC" },
    { "CAMELLIA_256_CBC",  "CAMELLIA-256-CBC" },
    { "ARIA_128_GCM",      "ARIA-128-GCM" },
    { "ARIA_256_GCM",      "ARIA-256-GCM" },
    { "ARIA_128_CBC",      "ARIA-128-CBC" },
    { "ARIA_256_CBC",      "ARIA-256-CBC" },
    { "3DES_EDE_CBC",      "DES-EDE3-CBC" },
    { "SEED_CBC",          "SEED-CBC" },
    { "IDEA_CBC",          "IDEA-CBC" },
    { "DES_CBC",           "DES-CBC" },
};

struct digest_row {
    enum tls_hash hash;
    const char *name;
    size_t len;
};

static const struct digest_row digest_rows[] = {
    { TLS_HASH_MD5,    "MD5",    16 },
    { TLS_HASH_SHA1,   "SHA1",   20 },
    { TLS_HASH_SHA256, "SHA256", 32 },
    { TLS_HASH_SHA384, "SHA384", 48 },
};
/* clang-format on */

static const char *evp_name(const char *suite_name)
{
    for (size_t i = 0; i < ARRAY_LEN(cipher_rows); i++) {
        if (strstr(suite_name, cipher_rows[i].fragment) != NULL) {
            return cipher_rows[i].evp;
        }
    }
    return NULL;
}

static bool is_rc4(const struct tls_cipher_suite *suite)
{
    return suite->mode == TLS_MODE_STREAM && strstr(suite->name, "RC4_128") != NULL;
}

/* Lengths by mode: the MAC's, and of the IV that is part of the key block. */
static bool set_lengths(struct record_cipher *c, size_t digest_len, uint16_t version)
{
    switch (c->suite->mode) {
    case TLS_MODE_NULL:
    case TLS_MODE_STREAM:
        c->mac_len = digest_len;
        return c->suite->mode == TLS_MODE_NULL || is_rc4(c->suite);
    case TLS_MODE_CBC:
        c->mac_len = digest_len;
        c->block_len = c->evp != NULL ? (size_t)EVP_CIPHER_get_block_size(c->evp) : 0;
        c->iv_len = version < VERSION_TLS11 ? c->block_len : 0; /* explicit since TLS 1.1 */
        return c->block_len > 0 && c->block_len <= CIPHER_IV_MAX;
    case TLS_MODE_GCM:
    case TLS_MODE_CCM:
    case TLS_MODE_CCM_8:
        c->tag_len = c->suite->mode == TLS_MODE_CCM_8 ? CCM_8_TAG_BYTES : AEAD_TAG_BYTES;
        c->iv_len = version == VERSION_TLS13 ? AEAD_NONCE_BYTES : GCM_SALT_BYTES;
        return c->evp != NULL;
    case TLS_MODE_POLY1305:
        c->tag_len = AEAD_TAG_BYTES;
        c->iv_len = AEAD_NONCE_BYTES;
        return c->evp != NULL;
    case TLS_MODE_OTHER:
        break;
    }
    return false;
}

bool record_cipher_init(struct record_cipher *c, const struct tls_cipher_suite *suite,
                        uint16_t version)
{
    *c = (struct record_cipher){ .suite = suite };
    size_t digest_len = 0;
    for (size_t i = 0; i < ARRAY_LEN(digest_rows); i++) {
        if (digest_rows[i].hash == suite->hash) {
            c->digest = digest_rows[i].name;
            digest_len = digest_rows[i].len;
        }
    }
    /* Keys of export suites are derived otherwise (RFC 2246 section 6.3.1); nobody logs them. */
    if (c->digest == NULL || suite->is_export || suite->mode == TLS_MODE_OTHER) {
        return false;
    }
    const char *name = evp_name(suite->name);
    if (name != NULL && suite->mode != TLS_MODE_NULL && suite->mode != TLS_MODE_STREAM) {
        c->evp = EVP_CIPHER_fetch(NULL, name, NULL);
        if (c->evp == NULL) {
            return false; /* a cipher that this OpenSSL does not have, or only for legacy use */
        }
    }
    if (!set_lengths(c, digest_len, version)) {
        return false;
    }
    c->key_len = c->evp != NULL ? (size_t)EVP_CIPHER_get_key_length(c->evp) : suite->key_bytes;
    c->hmac = c->mac_len > 0 ? EVP_MAC_fetch(NULL, "HMAC", NULL) : NULL;
    return c->key_len <= CIPHER_KEY_MAX && (c->mac_len == 0 || c->hmac != NULL);
}

void record_cipher_deinit(struct record_cipher *c)
{
    EVP_CIPHER_free(c->evp);
    EVP_MAC_free(c->hmac);
    *c = (struct record_cipher){ 0 };
}

static struct rc4 *rc4_new(const uint8_t *key, size_t key_len)
{
    struct rc4 *r = calloc(1, sizeof *r);
    if (r == NULL || key_len == 0) {
        free(r);
        return NULL;
    }
    for (unsigned i = 0; i < 256; i++) {
        r->s[i] = (uint8_t)i;
    }
    uint8_t j = 0;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t t = r->s[i];
        j = (uint8_t)(j + t + key[i % key_len]);
        r->s[i] = r->s[j];
        r->s[j] = t;
    }
    return r;
}

static void rc4_free(struct rc4 *r)
{
    if (r != NULL) {
        OPENSSL_cleanse(r, sizeof *r);
        free(r);
    }
}

bool record_key_start(struct record_key *k, const struct record_cipher *c)
{
    k->sequence = 0;
    if (c->suite->mode == TLS_MODE_NULL) {
        return true;
    }
    if (c->suite->mode == TLS_MODE_STREAM) {
        rc4_free(k->rc4);
        k->rc4 = rc4_new(k->key, c->key_len);
        return k->rc4 != NULL;
    }
    if (k->ctx == NULL) {
        k->ctx = EVP_CIPHER_CTX_new();
    }
    return k->ctx != NULL;
}

void record_key_deinit(struct record_key *k)
{
    EVP_CIPHER_CTX_free(k->ctx);
    rc4_free(k->rc4);
    OPENSSL_cleanse(k, sizeof *k);
}

static int as_int(size_t n)
{
    return n <= CIPHER_BODY_MAX ? (int)n : -1;
}

/* The steps of EVP_aes_ccm and the others differ in when the tag is known and in that CCM wants
 * the length beforehand (EVP_EncryptInit(3), "CCM Mode"). */
bool aead_open(const struct record_cipher *c, struct record_key *k, const struct aead_input *in,
               uint8_t *room)
{
    int n = 0;
    bool is_ccm = c->suite->mode == TLS_MODE_CCM || c->suite->mode == TLS_MODE_CCM_8;
    size_t len = in->sealed.len - c->tag_len;
    uint8_t tag[AEAD_TAG_BYTES];
    (void)bytes_copy(tag, sizeof tag, bytes_skip(in->sealed, len));
    bool ok = EVP_DecryptInit_ex2(k->ctx, c->evp, NULL, NULL, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_IVLEN, AEAD_NONCE_BYTES, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, as_int(c->tag_len), tag) == 1 &&
              EVP_DecryptInit_ex2(k->ctx, NULL, k->key, in->nonce, NULL) == 1;
    if (ok && is_ccm) {
        ok = EVP_DecryptUpdate(k->ctx, NULL, &n, NULL, as_int(len)) == 1;
    }
    ok = ok && EVP_DecryptUpdate(k->ctx, NULL, &n, in->aad, as_int(in->aad_len)) == 1;
    /* CCM verifies here, even what is empty; the others only take what is there. */
    static const uint8_t nothing[1];
    const uint8_t *from = len > 0 ? in->sealed.p : nothing;
    if (ok && (is_ccm || len > 0)) {
        ok = EVP_DecryptUpdate(k->ctx, room, &n, from, as_int(len)) == 1;
    }
    uint8_t last[AEAD_TAG_BYTES];
    return ok && (is_ccm || EVP_DecryptFinal_ex(k->ctx, last, &n) == 1);
}

/* RFC 8446 section 5.2 and 5.3: the nonce is the IV xor the sequence number, the additional data
 * the record's header. */
bool record_open13(const struct record_cipher *c, struct record_key *k,
                   const struct record_view *record, uint8_t *room, size_t *out_len)
{
    struct aead_input in = { .sealed = record->body, .aad_len = 5 };
    if (record->body.len < c->tag_len || record->body.len > CIPHER_BODY_MAX) {
        return false;
    }
    store_be(in.nonce + 4, k->sequence, 8);
    for (size_t i = 0; i < sizeof in.nonce; i++) {
        in.nonce[i] ^= k->iv[i];
    }
    in.aad[0] = record->type;
    store_be(in.aad + 1, record->version, 2);
    store_be(in.aad + 3, record->body.len, 2);
    if (!aead_open(c, k, &in, room)) {
        return false;
    }
    *out_len = record->body.len - c->tag_len;
    return true;
}
