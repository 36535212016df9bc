#include "api/failures.h"

#include "base/clock.h"

void failures_init(struct failures *f, unsigned window_s)
{
    f->key = hash_key_random();
    f->window_s = window_s;
}

/* The first of the slots that this one may stand in. */
static size_t set_of(uint64_t who)
{
    return (size_t)(who % (FAILURES_SLOTS / FAILURES_WAYS)) * FAILURES_WAYS;
}

static size_t find(const struct failures *f, uint64_t who)
{
    size_t at = set_of(who);
    for (size_t i = at; i < at + FAILURES_WAYS; i++) {
        if (f->slots[i].since_ns != 0 && f->slots[i].who == who) {
            return i;
        }
    }
    return FAILURES_SLOTS;
}

unsigned failures_wait(const struct failures *f, struct bytes who, unsigned most, int64_t now_ns)
{
    size_t at = find(f, hash_bytes(&f->key, who));
    if (at == FAILURES_SLOTS || f->slots[at].n < most) {
        return 0;
    }
    int64_t left = f->slots[at].since_ns + f->window_s * NS_PER_S - now_ns;
    return left <= 0 ? 0 : (unsigned)(left / NS_PER_S) + 1;
}

void failures_add(struct failures *f, struct bytes who, int64_t now_ns)
{
    uint64_t hash = hash_bytes(&f->key, who);
    size_t at = find(f, hash);
    if (at == FAILURES_SLOTS) {
        at = set_of(hash);
        for (size_t i = at; i < set_of(hash) + FAILURES_WAYS; i++) {
            at = f->slots[i].since_ns < f->slots[at].since_ns ? i : at;
        }
        f->slots[at] = (struct failure){ .who = hash, .since_ns = now_ns };
    }
    if (now_ns - f->slots[at].since_ns > f->window_s * NS_PER_S) {
        f->slots[at].since_ns = now_ns;
        f->slots[at].n = 0;
    }
    f->slots[at].n++;
}

void failures_take(struct failures *f, struct bytes who)
{
    size_t at = find(f, hash_bytes(&f->key, who));
    if (at != FAILURES_SLOTS && f->slots[at].n > 0) {
        f->slots[at].n--;
    }
}

void failures_forget(struct failures *f, struct bytes who)
{
    size_t at = find(f, hash_bytes(&f->key, who));
    if (at != FAILURES_SLOTS) {
        f->slots[at] = (struct failure){ 0 };
    }
}
