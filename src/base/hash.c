#include "base/hash.h"

#include <sys/random.h>
#include <time.h>

struct hash_key hash_key_random(void)
{
    struct hash_key key = { 0 };
    if (getrandom(&key, sizeof key, GRND_NONBLOCK) != (ssize_t)sizeof key) {
        struct timespec now = { 0 };
        clock_gettime(CLOCK_REALTIME, &now);
        key.k0 = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15U;
        key.k1 = (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&key;
    }
    return key;
}

static inline uint64_t rotl(uint64_t x, unsigned b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t m)
{
    v[3] ^= m;
    sip_round(v);
    sip_round(v);
    v[0] ^= m;
}

uint64_t hash_bytes(const struct hash_key *key, struct bytes b)
{
    uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575U, key->k1 ^ 0x646f72616e646f6dU,
                      key->k0 ^ 0x6c7967656e657261U, key->k1 ^ 0x7465646279746573U };
    uint64_t last = (uint64_t)b.len << 56;
    size_t left = b.len;
    const uint8_t *p = b.p;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m;
        memcpy(&m, p, 8);
        absorb(v, m);
    }
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)p[i] << (8 * i);
    }
    absorb(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
