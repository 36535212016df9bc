#include "api/tokens.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "base/hex.h"

static struct token *free_slot(struct tokens *t)
{
    struct token *first = &t->list[0];
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        if (!t->list[i].is_used) {
            return &t->list[i];
        }
        first = t->list[i].until_ns < first->until_ns ? &t->list[i] : first;
    }
    return first;
}

bool tokens_make(struct tokens *t, enum token_kind kind, const char *user,
                 const uint8_t mark[TOKEN_MARK], int64_t until_ns, char out[TOKEN_HEX + 1])
{
    uint8_t random[TOKEN_HEX / 2];
    if (RAND_priv_bytes(random, sizeof random) != 1) {
        return false;
    }
    hex_of(bytes_of(random, sizeof random), out);
    OPENSSL_cleanse(random, sizeof random);
    struct token *slot = free_slot(t);
    *slot = (struct token){ .is_used = true, .kind = kind, .until_ns = until_ns };
    (void)SHA256((const uint8_t *)out, TOKEN_HEX, slot->sha256);
    (void)bytes_copy(slot->mark, sizeof slot->mark, bytes_of(mark, TOKEN_MARK));
    (void)snprintf(slot->user, sizeof slot->user, "%s", user);
    return true;
}

const struct token *tokens_find(const struct tokens *t, enum token_kind kind, struct bytes token,
                                int64_t now_ns)
{
    uint8_t sha256[32];
    if (token.len != TOKEN_HEX) {
        return NULL;
    }
    (void)SHA256(token.p, token.len, sha256);
    for (size_t i = 0; i < TOKENS_MAX; i++) {
        const struct token *one = &t->list[i];
        if (one->is_used && one->kind == kind && one->until_ns > now_ns &&
            CRYPTO_memcmp(one->sha256, sha256, sizeof sha256) == 0) {
            return one;
        }
    }
    return NULL;
}
