/* The seal of Java's keystores, and the two ways in which they encrypt private keys. Passwords are
 * hashed as Java's characters, which are UTF-16. */
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "base/utf8.h"
#include "keystore/der.h"
#include "keystore/jks.h"
#include "keystore/kdf.h"

enum { SHA1_LEN = 20, MD5_LEN = 16, KEY_LEN = 24, IV_LEN = 8, SALT_LEN = 8 };
enum { SEALED_MAX = 65536 }; /* of a private key */

/* Memory for secrets: all-zero is empty. */
struct secret {
    uint8_t *p;
    size_t len, size;
};

static bool secret_init(struct secret *s, size_t size)
{
    *s = (struct secret){ .p = malloc(size + 1), .size = size };
    return s->p != NULL;
}

static void secret_deinit(struct secret *s)
{
    OPENSSL_cleanse(s->p, s->p == NULL ? 0 : s->size);
    free(s->p);
    *s = (struct secret){ 0 };
}

static void put_unit(struct secret *s, uint32_t unit)
{
    s->p[s->len++] = (uint8_t)(unit >> 8);
    s->p[s->len++] = (uint8_t)unit;
}

/* UTF-16, big-endian. Bytes that are no UTF-8 are taken for Latin-1. */
static bool password_init(struct secret *s, const char *password)
{
    struct bytes left = bytes_of_str(password);
    if (!secret_init(s, left.len * 2)) {
        return false;
    }
    while (left.len > 0) {
        uint32_t c = 0;
        size_t n = utf8_decode(left, &c);
        if (n == 0) {
            n = 1;
            c = left.p[0];
        }
        if (c >= 0x10000) { /* four bytes of UTF-8, four of UTF-16 */
            put_unit(s, 0xd800 + ((c - 0x10000) >> 10));
            put_unit(s, 0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
            put_unit(s, c);
        }
        left = bytes_skip(left, n);
    }
    return true;
}

/* The digest of up to three pieces. */
static bool digest(EVP_MD_CTX *ctx, const EVP_MD *md, const struct bytes *pieces, size_t n,
                   uint8_t *out)
{
    bool ok = EVP_DigestInit_ex(ctx, md, NULL) == 1;
    for (size_t i = 0; i < n && ok; i++) {
        ok = EVP_DigestUpdate(ctx, pieces[i].p, pieces[i].len) == 1;
    }
    return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/* What hashing takes. */
struct hashing {
    EVP_MD_CTX *ctx;
    EVP_MD *md;
    struct secret password;
};

static bool hashing_init(struct hashing *h, struct reading *r, const char *name)
{
    *h = (struct hashing){ .ctx = EVP_MD_CTX_new(),
                           .md = EVP_MD_fetch(crypto_context(r->k), name, NULL) };
    return h->ctx != NULL && h->md != NULL;
}

static void hashing_deinit(struct hashing *h)
{
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->md);
    secret_deinit(&h->password);
}

bool jks_digest(struct reading *r, struct bytes content, uint8_t out[20])
{
    struct hashing h;
    bool ok = hashing_init(&h, r, "SHA1") && password_init(&h.password, r->password);
    if (ok) { /* the words are the JDK's */
        struct bytes pieces[] = { bytes_of(h.password.p, h.password.len), BYTES("Mighty Aphrodite"),
                                  content };
        ok = digest(h.ctx, h.md, pieces, ARRAY_LEN(pieces), out);
    }
    hashing_deinit(&h);
    return ok;
}

/* KeyProtector of JKS: 20 bytes of salt, the key XORed with a chain of digests (each of the
 * password and the one before), and the digest of password and key. */
static bool open_jks(const struct hashing *h, struct bytes sealed, struct secret *out)
{
    uint8_t block[SHA1_LEN] = { 0 };
    struct bytes password = bytes_of(h->password.p, h->password.len);
    struct bytes salt = bytes_head(sealed, SHA1_LEN);
    struct bytes body = bytes_skip(bytes_head(sealed, sealed.len - SHA1_LEN), SHA1_LEN);
    struct bytes check = bytes_skip(sealed, sealed.len - SHA1_LEN);
    struct bytes before = salt;
    bool ok = true;
    for (size_t at = 0; ok && at < body.len; at++) {
        if (at % SHA1_LEN == 0) {
            struct bytes pieces[] = { password, before };
            ok = digest(h->ctx, h->md, pieces, 2, block);
            before = bytes_of(block, SHA1_LEN);
        }
        out->p[at] = body.p[at] ^ block[at % SHA1_LEN];
    }
    out->len = body.len;
    struct bytes pieces[] = { password, bytes_of(out->p, out->len) };
    ok = ok && digest(h->ctx, h->md, pieces, 2, block) &&
         CRYPTO_memcmp(block, check.p, SHA1_LEN) == 0;
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

/* PBEWithMD5AndTripleDES: each half of the salt is hashed with the password, the result again with
 * it, and so on; both results are the key and the IV. Of a salt with equal halves the first is
 * changed before, by code that means to turn it round. */
static bool derive(const struct hashing *h, struct bytes given, uint64_t rounds,
                   uint8_t out[KEY_LEN + IV_LEN])
{
    uint8_t salt[SALT_LEN] = { 0 };
    bool ok = bytes_copy(salt, sizeof salt, given);
    if (memcmp(salt, salt + 4, 4) == 0) {
        for (size_t i = 0; i < 2; i++) {
            uint8_t first = salt[i];
            salt[i] = salt[3 - i];
            salt[2] = first;
        }
    }
    for (size_t half = 0; half < 2; half++) {
        struct bytes pieces[] = { bytes_of(salt + 4 * half, 4),
                                  bytes_of(h->password.p, h->password.len) };
        uint8_t *to = out + half * MD5_LEN;
        for (uint64_t i = 0; ok && i < rounds; i++) {
            ok = digest(h->ctx, h->md, pieces, 2, to);
            pieces[0] = bytes_of(to, MD5_LEN);
        }
    }
    return ok;
}

static bool decrypt(struct reading *r, const uint8_t *key_and_iv, struct bytes sealed,
                    struct secret *out)
{
    int len = 0;
    int rest = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypto_context(r->k), "DES-EDE3-CBC", NULL);
    bool ok = ctx != NULL && cipher != NULL &&
              EVP_DecryptInit_ex2(ctx, cipher, key_and_iv, key_and_iv + KEY_LEN, NULL) == 1 &&
              EVP_DecryptUpdate(ctx, out->p, &len, sealed.p, (int)sealed.len) == 1 &&
              EVP_DecryptFinal_ex(ctx, out->p + len, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    out->len = ok ? (size_t)len + (size_t)rest : 0;
    return ok;
}

/* An EncryptedPrivateKeyInfo in parts (RFC 5958 section 3). */
struct sealed_key {
    bool is_jks, is_jceks;
    struct bytes salt; /* JCEKS */
    uint64_t rounds;
    struct bytes body;
};

static bool parse_pbe(struct bytes params, struct sealed_key *out)
{
    struct der_value v;
    if (!der_next(&params, &v) || v.tag != DER_SEQUENCE) {
        return false;
    }
    params = v.content;
    if (!der_next(&params, &v) || v.tag != DER_OCTET_STRING || v.content.len != SALT_LEN) {
        return false;
    }
    out->salt = v.content;
    if (!der_next(&params, &v) || v.tag != DER_INTEGER || v.content.len > 8) {
        return false;
    }
    for (size_t i = 0; i < v.content.len; i++) {
        out->rounds = out->rounds << 8 | v.content.p[i];
    }
    return true;
}

/* 1.3.6.1.4.1.42.2.17.1.1 and 1.3.6.1.4.1.42.2.19.1 */
static bool parse_sealed(struct bytes der, struct sealed_key *out)
{
    struct der_value v;
    struct der_value scheme;
    struct der_value body;
    *out = (struct sealed_key){ 0 };
    if (!der_next(&der, &v) || v.tag != DER_SEQUENCE) {
        return false;
    }
    struct bytes left = v.content;
    if (!der_next(&left, &scheme) || scheme.tag != DER_SEQUENCE || !der_next(&left, &body) ||
        body.tag != DER_OCTET_STRING) {
        return false;
    }
    struct bytes params = scheme.content;
    if (!der_next(&params, &v) || v.tag != DER_OID) {
        return false;
    }
    out->body = body.content;
    out->is_jks = bytes_equal(v.content, BYTES("\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01"));
    out->is_jceks = bytes_equal(v.content, BYTES("\x2b\x06\x01\x04\x01\x2a\x02\x13\x01"));
    return out->is_jks ? out->body.len > (size_t)2 * SHA1_LEN
                       : (out->is_jceks && out->body.len > 0 && parse_pbe(params, out));
}

/* JCEKS takes the low byte of each character (PBEKey, which admits ASCII only). */
static void keep_low_bytes(struct secret *s)
{
    for (size_t i = 0; i < s->len / 2; i++) {
        s->p[i] = s->p[2 * i + 1] & 0x7f;
    }
    s->len /= 2;
}

static bool open_jceks(struct reading *r, struct hashing *h, const struct sealed_key *key,
                       struct secret *out)
{
    uint8_t key_and_iv[KEY_LEN + IV_LEN];
    keep_low_bytes(&h->password);
    bool ok =
        derive(h, key->salt, key->rounds, key_and_iv) && decrypt(r, key_and_iv, key->body, out);
    OPENSSL_cleanse(key_and_iv, sizeof key_and_iv);
    return ok;
}

static enum status unseal_with(struct reading *r, struct hashing *h, const struct sealed_key *key,
                               struct secret *out, bool *out_is_open)
{
    if (!hashing_init(h, r, key->is_jks ? "SHA1" : "MD5") ||
        !password_init(&h->password, r->password) ||
        !secret_init(out, key->body.len + EVP_MAX_BLOCK_LENGTH)) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    *out_is_open = key->is_jks ? open_jks(h, key->body, out) : open_jceks(r, h, key, out);
    return ST_OK;
}

static enum status unseal(struct reading *r, const struct sealed_key *key, struct secret *out,
                          bool *out_is_open)
{
    struct hashing h;
    enum status st = unseal_with(r, &h, key, out, out_is_open);
    hashing_deinit(&h);
    return st;
}

enum status jks_open_key(struct reading *r, struct keystore_entry *e, struct bytes sealed)
{
    struct sealed_key key;
    struct secret plain = { 0 };
    e->is_locked = true;
    if (sealed.len > SEALED_MAX || !parse_sealed(sealed, &key)) {
        return entry_fault(r, e,
                           "the private key of alias '%s' is sealed in no way that is known "
                           "here",
                           e->alias);
    }
    if (r->password == NULL) {
        return entry_fault(r, e,
                           "the private key of alias '%s' is encrypted, and no password was "
                           "given",
                           e->alias);
    }
    const char *why = kdf_spend(r, 2 * (key.rounds > UINT64_MAX / 2 ? KDF_ROUNDS_MAX : key.rounds));
    if (why != NULL) {
        return entry_fault(r, e, "the private key of alias '%s' %s", e->alias, why);
    }
    bool is_open = false;
    enum status st = unseal(r, &key, &plain, &is_open);
    if (st == ST_OK && is_open) {
        e->is_locked = false;
        st = keep_pkcs8(r, e, bytes_of(plain.p, plain.len));
    } else if (st == ST_OK) {
        st =
            entry_fault(r, e, "the password does not open the private key of alias '%s'", e->alias);
    }
    secret_deinit(&plain);
    return st;
}
