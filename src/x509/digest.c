#include "x509/digest.h"

__extension__ typedef unsigned __int128 u128;

/* What SipHash is given at once: folds, lengths, and the hash so far. */
enum { FOLDS = 64 };

struct folding {
    const struct digest_key *key;
    size_t n;
    uint64_t folds[FOLDS];
};

void digest_key_init(struct digest_key *key)
{
    key->sip = hash_key_random();
    for (size_t i = 0; i < DIGEST_BLOCK / 8; i++) {
        uint8_t counter[4] = { 'N', 'H', (uint8_t)(i >> 8), (uint8_t)i };
        key->words[i] = hash_bytes(&key->sip, (struct bytes){ counter, sizeof counter });
    }
}

static uint64_t fold_hash(const struct folding *f)
{
    return hash_bytes(&f->key->sip, bytes_of(f->folds, f->n * sizeof f->folds[0]));
}

static void fold_put(struct folding *f, uint64_t value)
{
    if (f->n == FOLDS) {
        f->folds[0] = fold_hash(f);
        f->n = 1;
    }
    f->folds[f->n++] = value;
}

static inline u128 nh_pair(const uint64_t *key, const uint8_t *p)
{
    return (u128)(load_be64(p) + key[0]) * (load_be64(p + 8) + key[1]);
}

/* At most one block; a short last pair is filled with zeros, which the length tells apart. */
static u128 nh_block(const uint64_t *key, struct bytes b)
{
    u128 sum = 0;
    size_t at = 0;
    for (; b.len - at >= 16; at += 16) {
        sum += nh_pair(key + at / 8, b.p + at);
    }
    if (at < b.len) {
        uint8_t last[16] = { 0 };
        (void)bytes_copy(last, sizeof last, bytes_skip(b, at));
        sum += nh_pair(key + at / 8, last);
    }
    return sum;
}

static void fold_bytes(struct folding *f, struct bytes b)
{
    fold_put(f, b.len);
    for (; b.len > 0; b = bytes_skip(b, DIGEST_BLOCK)) {
        u128 sum = nh_block(f->key->words, bytes_head(b, DIGEST_BLOCK));
        fold_put(f, (uint64_t)(sum >> 64));
        fold_put(f, (uint64_t)sum);
    }
}

uint64_t digest_pieces(const struct digest_key *key, const struct bytes *pieces, size_t n)
{
    struct folding f;
    f.key = key;
    f.n = 0;
    for (size_t i = 0; i < n; i++) {
        fold_bytes(&f, pieces[i]);
    }
    return fold_hash(&f);
}

uint64_t digest_bytes(const struct digest_key *key, struct bytes b)
{
    return digest_pieces(key, &b, 1);
}
