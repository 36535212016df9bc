/*
 * login: who asks, and what they may.
 *
 * Basic: user and password, RFC 7617. Bearer: a token of POST /oauth/token, RFC 6749, kept in
 * memory as its SHA-256 alone: a restart forgets them. A password that was right is remembered for
 * a minute, as a keyed hash together with the user's document, so that a request does not cost a
 * scrypt and a changed password counts at once.
 *
 * Who fails too often has to wait: a user name from an address after LOGIN_FAILURES_MAX failures,
 * an address after LOGIN_ADDRESS_FAILURES_MAX. Nobody else is kept out by it: others may log in as
 * that user from elsewhere, and who is remembered is not asked. All functions may be called from
 * several threads.
 */
#ifndef HANDFAST_API_LOGIN_H
#define HANDFAST_API_LOGIN_H

#include "api/route.h"

enum {
    LOGIN_FAILURES_MAX = 5,
    LOGIN_ADDRESS_FAILURES_MAX = 60,
    LOGIN_WINDOW_S = 60,
    LOGIN_REMEMBERED_S = 60,
    LOGIN_TOKEN_S = 1800,
    LOGIN_REFRESH_S = 24 * 3600,
    LOGIN_TOKENS_MAX = 1024,
    LOGIN_USER_MAX = 256
};

struct api_login;

enum api_login_outcome {
    LOGIN_OK,
    LOGIN_NOT_SAID, /* no Authorization header, or one of another kind */
    LOGIN_WRONG,
    LOGIN_WAIT /* too many failures: retry_after_s */
};

struct api_login_result {
    enum api_login_outcome outcome;
    char user[LOGIN_USER_MAX];
    unsigned retry_after_s;
};

struct api_tokens { /* hexadecimal */
    char access[65], refresh[65];
};

enum status api_login_new(struct api_login **out, struct err *err) NODISCARD;
void api_login_free(struct api_login *l); /* NULL is fine */

/* By the Authorization header, which may be NULL. */
enum status api_login_check(struct api_login *l, struct store *s, const char *authorization,
                            const char *client, struct api_login_result *out,
                            struct err *err) NODISCARD;
struct api_credentials {
    const char *user, *password;
    const char *client; /* its address */
};

enum status api_login_password(struct api_login *l, struct store *s,
                               const struct api_credentials *given, struct api_login_result *out,
                               struct err *err) NODISCARD;
/* New tokens for a user who has logged in. */
enum status api_login_grant(struct api_login *l, struct store *s, const char *user,
                            struct api_tokens *out, struct err *err) NODISCARD;
/* A new access token for a refresh token. */
enum status api_login_refresh(struct api_login *l, struct store *s, const char *refresh,
                              struct api_login_result *out, struct api_tokens *tokens,
                              struct err *err) NODISCARD;

/* Whether the user's roles give the right, in this organization ("" where the path has none). */
enum status api_may(struct store *s, const char *user, enum api_right right, const char *org,
                    bool *out, struct err *err) NODISCARD;

#endif
