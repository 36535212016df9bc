#include "tls/key_share.h"

#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/status.h"

enum kind { KIND_RAW, KIND_EC, KIND_DH };

struct group_row {
    uint16_t group;
    uint8_t kind;     /* enum kind */
    const char *name; /* as OpenSSL has it */
    uint16_t mlkem;   /* bytes of an encapsulation key beside it, 0: none */
    bool mlkem_first; /* in the order of draft-ietf-tls-ecdhe-mlkem */
};

/* clang-format off: a table reads by columns */
static const struct group_row groups[] = {
    { 0x001d, KIND_RAW, "X25519", 0, false },
    { 0x001e, KIND_RAW, "X448", 0, false },
    { 0x0017, KIND_EC, "prime256v1", 0, false },
    { 0x0018, KIND_EC, "secp384r1", 0, false },
    { 0x0019, KIND_EC, "secp521r1", 0, false },
    { 0x0016, KIND_EC, "secp256k1", 0, false },
    { 0x001f, KIND_EC, "brainpoolP256r1", 0, false },
    { 0x0020, KIND_EC, "brainpoolP384r1", 0, false },
    { 0x0021, KIND_EC, "brainpoolP512r1", 0, false },
    { 0x0100, KIND_DH, "ffdhe2048", 0, false },
    { 0x0101, KIND_DH, "ffdhe3072", 0, false },
    { 0x0102, KIND_DH, "ffdhe4096", 0, false },
    { 0x0103, KIND_DH, "ffdhe6144", 0, false },
    { 0x0104, KIND_DH, "ffdhe8192", 0, false },
    { 0x0200, KIND_RAW, NULL, 800, true },
    { 0x0201, KIND_RAW, NULL, 1184, true },
    { 0x0202, KIND_RAW, NULL, 1568, true },
    { 0x11eb, KIND_EC, "prime256v1", 1184, false },
    { 0x11ec, KIND_RAW, "X25519", 1184, true },
    { 0x11ed, KIND_EC, "secp384r1", 1568, false },
    { 0x6399, KIND_RAW, "X25519", 1184, false },
};
/* clang-format on */

static const struct group_row *find(uint16_t group)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (groups[i].group == group) {
            return &groups[i];
        }
    }
    return NULL;
}

static EVP_PKEY *generate(const struct group_row *row)
{
    switch ((enum kind)row->kind) {
    case KIND_RAW:
        return EVP_PKEY_Q_keygen(NULL, NULL, row->name);
    case KIND_EC:
        return EVP_EC_gen(row->name);
    case KIND_DH:
        break;
    }
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)row->name,
                                         0),
        OSSL_PARAM_construct_end(),
    };
    if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_params(ctx, params) == 1) {
        (void)EVP_PKEY_keygen(ctx, &key);
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static bool put(struct tls_key_share *s, struct bytes b)
{
    if (!bytes_copy(s->public_key + s->public_len, sizeof s->public_key - s->public_len, b)) {
        return false;
    }
    s->public_len = (uint16_t)(s->public_len + b.len);
    return true;
}

static bool put_own(struct tls_key_share *s, const struct group_row *row)
{
    unsigned char *encoded = NULL;
    EVP_PKEY *key = generate(row);
    s->key = key;
    size_t len = key == NULL ? 0 : EVP_PKEY_get1_encoded_public_key(key, &encoded);
    bool ok = len > 0 && put(s, bytes_of(encoded, len));
    OPENSSL_free(encoded);
    return ok;
}

/* Any numbers below q do; the seed at the end is random. */
static bool put_mlkem(struct tls_key_share *s, size_t len)
{
    enum { SEED_BYTES = 32 };
    uint8_t key[1568] = { 0 };
    return len <= sizeof key && RAND_bytes(key + len - SEED_BYTES, SEED_BYTES) == 1 &&
           put(s, bytes_of(key, len));
}

bool tls_key_share_init(struct tls_key_share *s, uint16_t group)
{
    const struct group_row *row = find(group);
    *s = (struct tls_key_share){ .group = group };
    if (row == NULL) {
        return false;
    }
    bool ok = !row->mlkem_first || put_mlkem(s, row->mlkem);
    ok = ok && (row->name == NULL || put_own(s, row));
    ok = ok && (row->mlkem == 0 || row->mlkem_first || put_mlkem(s, row->mlkem));
    if (row->mlkem != 0) { /* its secret is of no use without the other half */
        EVP_PKEY_free(s->key);
        s->key = NULL;
    }
    return ok;
}

void tls_key_share_deinit(struct tls_key_share *s)
{
    EVP_PKEY_free(s->key);
    s->key = NULL;
}

static EVP_PKEY *peer_of(EVP_PKEY *ours, struct bytes share)
{
    EVP_PKEY *peer = EVP_PKEY_new();
    if (peer == NULL || EVP_PKEY_copy_parameters(peer, ours) != 1 ||
        EVP_PKEY_set1_encoded_public_key(peer, share.p, share.len) != 1) {
        EVP_PKEY_free(peer);
        return NULL;
    }
    return peer;
}

static bool agree(EVP_PKEY *ours, struct bytes share, uint8_t *out, size_t *len)
{
    EVP_PKEY *peer = peer_of(ours, share);
    EVP_PKEY_CTX *ctx = peer == NULL ? NULL : EVP_PKEY_CTX_new(ours, NULL);
    bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1;
    if (ok && EVP_PKEY_is_a(ours, "DH")) { /* RFC 8446 section 7.4.1: leading zeroes stay */
        ok = EVP_PKEY_CTX_set_dh_pad(ctx, 1) == 1;
    }
    ok = ok && EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, out, len) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return ok;
}

struct derivation {
    const char *digest;
    EVP_KDF_CTX *kdf;
};

/* OSSL_PARAM takes pointers without const and only reads them. */
static OSSL_PARAM octets(const char *name, struct bytes b)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)b.p, b.len);
}

/* HKDF-Extract(Derive-Secret(salt, "derived", ""), key); salt empty: the first secret. */
static bool extract(const struct derivation *d, struct bytes salt, struct bytes key, uint8_t *out,
                    size_t len)
{
    int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    size_t n = 0;
    OSSL_PARAM params[8];
    params[n++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[n++] =
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)d->digest, 0);
    params[n++] = octets(OSSL_KDF_PARAM_PREFIX, BYTES("tls13 "));
    params[n++] = octets(OSSL_KDF_PARAM_LABEL, BYTES("derived"));
    if (key.len > 0) {
        params[n++] = octets(OSSL_KDF_PARAM_KEY, key);
    }
    if (salt.len > 0) {
        params[n++] = octets(OSSL_KDF_PARAM_SALT, salt);
    }
    params[n] = OSSL_PARAM_construct_end();
    EVP_KDF_CTX_reset(d->kdf);
    return EVP_KDF_derive(d->kdf, out, len, params) == 1;
}

/* HKDF-Expand-Label(secret, label, hash, len) */
static bool expand(const struct derivation *d, struct bytes secret, const char *label,
                   struct bytes hash, uint8_t *out)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)d->digest, 0),
        octets(OSSL_KDF_PARAM_PREFIX, BYTES("tls13 ")),
        octets(OSSL_KDF_PARAM_LABEL, bytes_of_str(label)),
        octets(OSSL_KDF_PARAM_KEY, secret),
        octets(OSSL_KDF_PARAM_DATA, hash),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX_reset(d->kdf);
    return EVP_KDF_derive(d->kdf, out, secret.len, params) == 1;
}

static bool derive_all(const struct derivation *d, struct bytes shared, struct bytes hash,
                       struct tls13_secrets *out)
{
    uint8_t early[TLS_SECRET_MAX];
    uint8_t handshake[TLS_SECRET_MAX];
    struct bytes secret = bytes_of(handshake, hash.len);
    out->len = hash.len;
    return extract(d, bytes_of(NULL, 0), bytes_of(NULL, 0), early, hash.len) &&
           extract(d, bytes_of(early, hash.len), shared, handshake, hash.len) &&
           expand(d, secret, "c hs traffic", hash, out->client) &&
           expand(d, secret, "s hs traffic", hash, out->server);
}

bool tls13_secrets_derive(const struct tls_key_share *ours, struct bytes server_share,
                          const char *digest, struct bytes messages, struct tls13_secrets *out)
{
    uint8_t shared[1024];
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t shared_len = sizeof shared;
    unsigned hash_len = 0;
    const EVP_MD *md = EVP_get_digestbyname(digest);
    /* Shares of one group have one length (RFC 8446 section 4.2.8). */
    if (ours->key == NULL || md == NULL || server_share.len != ours->public_len ||
        EVP_Digest(messages.p, messages.len, hash, &hash_len, md, NULL) != 1 ||
        hash_len > TLS_SECRET_MAX || !agree(ours->key, server_share, shared, &shared_len)) {
        return false;
    }
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    struct derivation d = { digest, kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf) };
    bool ok = d.kdf != NULL &&
              derive_all(&d, bytes_of(shared, shared_len), bytes_of(hash, hash_len), out);
    EVP_KDF_CTX_free(d.kdf);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(shared, sizeof shared);
    return ok;
}
