/*
 * tokens: opaque tokens for users, kept as their SHA-256 alone.
 *
 * A token holds while its user's password stays what it was (the mark). The table is of fixed size;
 * where it is full the one that would end first goes. Not for several threads at once.
 */
#ifndef HANDFAST_API_TOKENS_H
#define HANDFAST_API_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { TOKENS_MAX = 1024, TOKEN_HEX = 64, TOKEN_MARK = 32, TOKEN_USER_MAX = 256 };

enum token_kind { TOKEN_ACCESS, TOKEN_REFRESH };

struct token {
    bool is_used;
    enum token_kind kind;
    uint8_t sha256[32];
    uint8_t mark[TOKEN_MARK];
    char user[TOKEN_USER_MAX];
    int64_t until_ns;
};

struct tokens {
    struct token list[TOKENS_MAX];
};

/* False: the system gave no random bytes. */
bool tokens_make(struct tokens *t, enum token_kind kind, const char *user,
                 const uint8_t mark[TOKEN_MARK], int64_t until_ns, char out[TOKEN_HEX + 1]);
/* NULL: there is none, or it has ended. Borrowed until the next call. */
const struct token *tokens_find(const struct tokens *t, enum token_kind kind, struct bytes token,
                                int64_t now_ns);

#endif
