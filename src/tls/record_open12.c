#include "tls/record_cipher.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

enum {
    EXPLICIT_NONCE_BYTES = 8,
    SALT_BYTES = 4,
    PSEUDO_HEADER_BYTES = 13,
    VERSION_TLS10 = 0x0301,
};

/* seq_num + type + version + length: before what is authenticated. */
static void pseudo_header(const struct record_key *k, const struct record_view *record, size_t len,
                          uint8_t *out)
{
    store_be(out, k->sequence, 8);
    out[8] = record->type;
    store_be(out + 9, record->version, 2);
    store_be(out + 11, len, 2);
}

static bool hmac(const struct record_cipher *c, const struct record_key *k, const uint8_t *header,
                 struct bytes content, uint8_t *out)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)c->digest, 0),
        OSSL_PARAM_construct_end(),
    };
    size_t len = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(c->hmac);
    bool ok = ctx != NULL && EVP_MAC_init(ctx, k->mac_key, c->mac_len, params) == 1 &&
              EVP_MAC_update(ctx, header, PSEUDO_HEADER_BYTES) == 1 &&
              EVP_MAC_update(ctx, content.p, content.len) == 1 &&
              EVP_MAC_final(ctx, out, &len, CIPHER_MAC_MAX) == 1;
    EVP_MAC_CTX_free(ctx);
    return ok && len == c->mac_len;
}

/* The last mac_len bytes of `b` are the MAC of those before. */
static bool ends_in_mac(const struct record_cipher *c, const struct record_key *k,
                        const struct record_view *record, struct bytes b)
{
    uint8_t header[PSEUDO_HEADER_BYTES];
    uint8_t mac[CIPHER_MAC_MAX];
    if (b.len < c->mac_len) {
        return false;
    }
    size_t len = b.len - c->mac_len;
    pseudo_header(k, record, len, header);
    return hmac(c, k, header, bytes_head(b, len), mac) &&
           CRYPTO_memcmp(mac, b.p + len, c->mac_len) == 0;
}

/* ---- AEAD: GCM and CCM carry half of the nonce; ChaCha20-Poly1305 none of it ---- */

static bool open_aead(const struct record_cipher *c, struct record_key *k,
                      const struct record_view *record, uint8_t *room, size_t *out_len)
{
    struct aead_input in = { .aad_len = PSEUDO_HEADER_BYTES };
    size_t explicit_len = c->iv_len == SALT_BYTES ? EXPLICIT_NONCE_BYTES : 0;
    if (record->body.len < explicit_len + c->tag_len) {
        return false;
    }
    if (explicit_len > 0) {
        (void)bytes_copy(in.nonce, SALT_BYTES, bytes_of(k->iv, SALT_BYTES));
        (void)bytes_copy(in.nonce + SALT_BYTES, EXPLICIT_NONCE_BYTES,
                         bytes_head(record->body, EXPLICIT_NONCE_BYTES));
    } else {
        store_be(in.nonce + 4, k->sequence, 8);
        for (size_t i = 0; i < sizeof in.nonce; i++) {
            in.nonce[i] ^= k->iv[i];
        }
    }
    in.sealed = bytes_skip(record->body, explicit_len);
    *out_len = in.sealed.len - c->tag_len;
    pseudo_header(k, record, *out_len, in.aad);
    return aead_open(c, k, &in, room);
}

/* ---- CBC ---- */

static bool cbc_decrypt(const struct record_cipher *c, struct record_key *k, const uint8_t *iv,
                        struct bytes in, uint8_t *room)
{
    int n = 0;
    return EVP_DecryptInit_ex2(k->ctx, c->evp, k->key, iv, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(k->ctx, 0) == 1 &&
           EVP_DecryptUpdate(k->ctx, room, &n, in.p, (int)in.len) == 1 && (size_t)n == in.len;
}

/* GenericBlockCipher.padding: its length, and as many bytes of that value. False where it is
 * malformed. No care for timing: nobody learns from us what was wrong. */
static bool strip_padding(struct bytes *plain)
{
    if (plain->len == 0) {
        return false;
    }
    uint8_t value = plain->p[plain->len - 1];
    if (value >= plain->len) {
        return false;
    }
    for (size_t i = 0; i <= value; i++) {
        if (plain->p[plain->len - 1 - i] != value) {
            return false;
        }
    }
    plain->len -= (size_t)value + 1;
    return true;
}

/* The blocks and the IV they start from. TLS 1.0 chains: the last block of one record is the IV of
 * the next, whether or not it opened. */
static bool split_iv(const struct record_cipher *c, struct record_key *k, bool is_chained,
                     struct bytes *blocks, uint8_t *iv)
{
    if (is_chained) {
        (void)bytes_copy(iv, CIPHER_IV_MAX, bytes_of(k->iv, c->block_len));
        if (blocks->len >= c->block_len) {
            (void)bytes_copy(k->iv, CIPHER_IV_MAX, bytes_skip(*blocks, blocks->len - c->block_len));
        }
    } else {
        (void)bytes_copy(iv, CIPHER_IV_MAX, bytes_head(*blocks, c->block_len));
        *blocks = bytes_skip(*blocks, c->block_len);
    }
    return blocks->len > 0 && blocks->len % c->block_len == 0;
}

static bool open_cbc(const struct record_cipher *c, struct record_key *k,
                     const struct record_view *record, uint8_t *room, size_t *out_len)
{
    uint8_t iv[CIPHER_IV_MAX] = { 0 };
    struct bytes blocks = record->body;
    bool mac_ok = true;
    if (c->encrypt_then_mac) { /* RFC 7366 section 3 */
        if (blocks.len < c->mac_len) {
            return false;
        }
        mac_ok = ends_in_mac(c, k, record, blocks);
        blocks.len -= c->mac_len;
    }
    if (!split_iv(c, k, record->version == VERSION_TLS10, &blocks, iv) || !mac_ok ||
        !cbc_decrypt(c, k, iv, blocks, room)) {
        return false;
    }
    struct bytes plain = bytes_of(room, blocks.len);
    if (!strip_padding(&plain)) {
        return false;
    }
    if (!c->encrypt_then_mac) {
        if (!ends_in_mac(c, k, record, plain)) {
            return false;
        }
        plain.len -= c->mac_len;
    }
    *out_len = plain.len;
    return true;
}

/* ---- stream and NULL: a MAC behind the content, all of it through RC4 ---- */

static void rc4_apply(struct rc4 *r, struct bytes in, uint8_t *out)
{
    for (size_t n = 0; n < in.len; n++) {
        r->i++;
        uint8_t a = r->s[r->i];
        r->j = (uint8_t)(r->j + a);
        uint8_t b = r->s[r->j];
        r->s[r->i] = b;
        r->s[r->j] = a;
        out[n] = in.p[n] ^ r->s[(uint8_t)(a + b)];
    }
}

static bool open_stream(const struct record_cipher *c, struct record_key *k,
                        const struct record_view *record, uint8_t *room, size_t *out_len)
{
    if (k->rc4 != NULL) {
        rc4_apply(k->rc4, record->body, room);
    } else {
        (void)bytes_copy(room, record->body.len, record->body);
    }
    if (!ends_in_mac(c, k, record, bytes_of(room, record->body.len))) {
        return false;
    }
    *out_len = record->body.len - c->mac_len;
    return true;
}

bool record_open12(const struct record_cipher *c, struct record_key *k,
                   const struct record_view *record, uint8_t *room, size_t *out_len)
{
    if (record->body.len > CIPHER_BODY_MAX) {
        return false;
    }
    switch (c->suite->mode) {
    case TLS_MODE_GCM:
    case TLS_MODE_CCM:
    case TLS_MODE_CCM_8:
    case TLS_MODE_POLY1305:
        return open_aead(c, k, record, room, out_len);
    case TLS_MODE_CBC:
        return open_cbc(c, k, record, room, out_len);
    case TLS_MODE_STREAM:
    case TLS_MODE_NULL:
        return open_stream(c, k, record, room, out_len);
    case TLS_MODE_OTHER:
        break;
    }
    return false;
}
