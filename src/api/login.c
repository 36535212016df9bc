#include "api/login.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/failures.h"
#include "api/tokens.h"
#include "base/base64.h"
#include "base/clock.h"
#include "store/users.h"

enum {
    REMEMBERED_MAX = 256,
    BASIC_MAX = 2048,
    AT_ONCE_MAX = 2 /* scrypts that run: each takes 32 MiB and a processor */
};

struct remembered {
    int64_t until_ns; /* 0: free */
    uint8_t key[32];  /* HMAC of user and password */
    uint8_t mark[TOKEN_MARK];
};

struct api_login {
    pthread_mutex_t mutex;
    pthread_cond_t is_free;
    unsigned n_at_work;
    uint8_t hmac_key[32];
    struct failures users;     /* address and user */
    struct failures addresses; /* address alone */
    struct remembered remembered[REMEMBERED_MAX];
    struct tokens tokens;
};

enum status api_login_new(struct api_login **out, struct err *err)
{
    struct api_login *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    if (RAND_priv_bytes(l->hmac_key, sizeof l->hmac_key) != 1) {
        free(l);
        return err_set(err, ST_IO, "the system gives no random bytes");
    }
    (void)pthread_mutex_init(&l->mutex, NULL);
    (void)pthread_cond_init(&l->is_free, NULL);
    failures_init(&l->users, LOGIN_WINDOW_S);
    failures_init(&l->addresses, LOGIN_WINDOW_S);
    *out = l;
    return ST_OK;
}

void api_login_free(struct api_login *l)
{
    if (l != NULL) {
        (void)pthread_cond_destroy(&l->is_free);
        (void)pthread_mutex_destroy(&l->mutex);
        OPENSSL_cleanse(l, sizeof *l);
        free(l);
    }
}

static void lower(char *s)
{
    for (; *s != '\0'; s++) {
        if (*s >= 'A' && *s <= 'Z') {
            *s = (char)(*s - 'A' + 'a');
        }
    }
}

/* What changes with the password, and is not there without the user. */
static enum status mark_of(struct store *s, const char *user, uint8_t mark[TOKEN_MARK],
                           bool *is_there, struct err *err)
{
    struct bytes secret = { 0 };
    *is_there = false;
    TRY(store_secret(s, &(struct store_key){ .kind = STORE_USER, .name = user }, &secret, err));
    if (secret.len > 0) {
        (void)SHA256(secret.p, secret.len, mark);
        *is_there = true;
    }
    store_bytes_free(secret);
    return ST_OK;
}

static void key_of(const struct api_login *l, const char *user, const char *password,
                   uint8_t key[32])
{
    /* the user's NUL parts the two */
    uint8_t first[32];
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), l->hmac_key, sizeof l->hmac_key, (const uint8_t *)user,
               strlen(user) + 1, first, &len);
    (void)HMAC(EVP_sha256(), first, sizeof first, (const uint8_t *)password, strlen(password), key,
               &len);
}

static bool is_remembered(struct api_login *l, const uint8_t key[32],
                          const uint8_t mark[TOKEN_MARK])
{
    int64_t now = clock_monotonic_ns();
    bool found = false;
    (void)pthread_mutex_lock(&l->mutex);
    for (size_t i = 0; i < REMEMBERED_MAX; i++) {
        const struct remembered *one = &l->remembered[i];
        found = found || (one->until_ns > now && CRYPTO_memcmp(one->key, key, 32) == 0 &&
                          CRYPTO_memcmp(one->mark, mark, TOKEN_MARK) == 0);
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return found;
}

static void remember(struct api_login *l, const uint8_t key[32], const uint8_t mark[TOKEN_MARK])
{
    (void)pthread_mutex_lock(&l->mutex);
    struct remembered *oldest = &l->remembered[0];
    for (size_t i = 0; i < REMEMBERED_MAX; i++) {
        oldest = l->remembered[i].until_ns < oldest->until_ns ? &l->remembered[i] : oldest;
    }
    oldest->until_ns = clock_monotonic_ns() + LOGIN_REMEMBERED_S * NS_PER_S;
    (void)bytes_copy(oldest->key, sizeof oldest->key, bytes_of(key, 32));
    (void)bytes_copy(oldest->mark, sizeof oldest->mark, bytes_of(mark, TOKEN_MARK));
    (void)pthread_mutex_unlock(&l->mutex);
}

/* Who failed: "address user", and the address alone; of IPv6 the /64, which is one customer's. */
struct who {
    char user[LOGIN_USER_MAX + 64];
    char address[64];
};

static struct who who_of(const char *user, const char *client)
{
    struct who who;
    struct in6_addr ip;
    if (inet_pton(AF_INET6, client, &ip) == 1 && !IN6_IS_ADDR_V4MAPPED(&ip)) {
        memset(&ip.s6_addr[8], 0, 8);
        (void)inet_ntop(AF_INET6, &ip, who.address, sizeof who.address);
    } else {
        (void)snprintf(who.address, sizeof who.address, "%s", client);
    }
    (void)snprintf(who.user, sizeof who.user, "%s %s", who.address, user);
    return who;
}

/* Seconds to wait; else it is counted before the password is checked, so that many at once do not
 * slip through. */
static unsigned wait_or_count(struct api_login *l, const struct who *who)
{
    int64_t now = clock_monotonic_ns();
    (void)pthread_mutex_lock(&l->mutex);
    unsigned user = failures_wait(&l->users, bytes_of_str(who->user), LOGIN_FAILURES_MAX, now);
    unsigned address =
        failures_wait(&l->addresses, bytes_of_str(who->address), LOGIN_ADDRESS_FAILURES_MAX, now);
    unsigned wait_s = user > address ? user : address;
    if (wait_s == 0) {
        failures_add(&l->users, bytes_of_str(who->user), now);
        failures_add(&l->addresses, bytes_of_str(who->address), now);
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return wait_s;
}

/* It was no failure. What else came from that address stays counted. */
static void forget_failures(struct api_login *l, const struct who *who)
{
    (void)pthread_mutex_lock(&l->mutex);
    failures_forget(&l->users, bytes_of_str(who->user));
    failures_take(&l->addresses, bytes_of_str(who->address));
    (void)pthread_mutex_unlock(&l->mutex);
}

static enum status check_slowly(struct api_login *l, struct store *s, const char *user,
                                const char *password, bool *out, struct err *err)
{
    (void)pthread_mutex_lock(&l->mutex);
    while (l->n_at_work == AT_ONCE_MAX) {
        (void)pthread_cond_wait(&l->is_free, &l->mutex);
    }
    l->n_at_work++;
    (void)pthread_mutex_unlock(&l->mutex);
    enum status st = users_check(s, user, password, out, err);
    (void)pthread_mutex_lock(&l->mutex);
    l->n_at_work--;
    (void)pthread_cond_signal(&l->is_free);
    (void)pthread_mutex_unlock(&l->mutex);
    return st;
}

enum status api_login_password(struct api_login *l, struct store *s,
                               const struct api_credentials *given, struct api_login_result *out,
                               struct err *err)
{
    uint8_t key[32];
    uint8_t mark[TOKEN_MARK] = { 0 };
    bool is_there = false;
    *out = (struct api_login_result){ .outcome = LOGIN_WRONG };
    if (strlen(given->user) > USER_NAME_MAX || strlen(given->password) > USER_PASSWORD_MAX) {
        return ST_OK;
    }
    (void)snprintf(out->user, sizeof out->user, "%s", given->user);
    lower(out->user);
    key_of(l, out->user, given->password, key);
    TRY(mark_of(s, out->user, mark, &is_there, err));
    if (is_there && is_remembered(l, key, mark)) {
        out->outcome = LOGIN_OK;
        return ST_OK;
    }
    struct who who = who_of(out->user, given->client);
    out->retry_after_s = wait_or_count(l, &who);
    if (out->retry_after_s > 0) {
        out->outcome = LOGIN_WAIT;
        return ST_OK;
    }
    bool is_right = false;
    TRY(check_slowly(l, s, out->user, given->password, &is_right, err));
    if (is_right && is_there) {
        forget_failures(l, &who);
        remember(l, key, mark);
        out->outcome = LOGIN_OK;
    }
    return ST_OK;
}

/* "user:password" in base64. False: not that. `text` has room for BASIC_MAX. */
static bool decode_basic(const char *value, char *text)
{
    struct bytes encoded = bytes_of_str(value);
    struct fault fault = { 0 };
    size_t len = 0;
    if (base64_room(encoded.len) >= BASIC_MAX ||
        !base64_decode(encoded, (uint8_t *)text, &len, &fault)) {
        return false;
    }
    text[len] = '\0';
    return strlen(text) == len;
}

static enum status check_basic(struct api_login *l, struct store *s, const char *value,
                               const char *client, struct api_login_result *out, struct err *err)
{
    char text[BASIC_MAX];
    char *colon = decode_basic(value, text) ? strchr(text, ':') : NULL;
    if (colon == NULL) {
        *out = (struct api_login_result){ .outcome = LOGIN_WRONG };
        return ST_OK;
    }
    *colon = '\0';
    enum status st =
        api_login_password(l, s, &(struct api_credentials){ text, colon + 1, client }, out, err);
    OPENSSL_cleanse(text, sizeof text);
    return st;
}

static enum status check_token(struct api_login *l, struct store *s, enum token_kind kind,
                               const char *value, struct api_login_result *out, struct err *err)
{
    uint8_t then[TOKEN_MARK];
    uint8_t now[TOKEN_MARK];
    bool is_there = false;
    *out = (struct api_login_result){ .outcome = LOGIN_WRONG };
    (void)pthread_mutex_lock(&l->mutex);
    const struct token *token =
        tokens_find(&l->tokens, kind, bytes_of_str(value), clock_monotonic_ns());
    if (token != NULL) {
        (void)snprintf(out->user, sizeof out->user, "%s", token->user);
        (void)bytes_copy(then, sizeof then, bytes_of(token->mark, sizeof token->mark));
    }
    (void)pthread_mutex_unlock(&l->mutex);
    if (token == NULL) {
        return ST_OK;
    }
    TRY(mark_of(s, out->user, now, &is_there, err));
    if (is_there && CRYPTO_memcmp(then, now, sizeof now) == 0) {
        out->outcome = LOGIN_OK;
    }
    return ST_OK;
}

/* The scheme is taken in any case, RFC 9110 section 11.1. NULL: another one. */
static const char *after_scheme(const char *header, const char *scheme)
{
    size_t len = strlen(scheme);
    if (header == NULL || strncasecmp(header, scheme, len) != 0 || header[len] != ' ') {
        return NULL;
    }
    return header + len + strspn(header + len, " ");
}

enum status api_login_check(struct api_login *l, struct store *s, const char *authorization,
                            const char *client, struct api_login_result *out, struct err *err)
{
    const char *basic = after_scheme(authorization, "Basic");
    const char *bearer = after_scheme(authorization, "Bearer");
    if (basic != NULL) {
        return check_basic(l, s, basic, client, out, err);
    }
    if (bearer != NULL) {
        return check_token(l, s, TOKEN_ACCESS, bearer, out, err);
    }
    *out = (struct api_login_result){ .outcome = LOGIN_NOT_SAID };
    return ST_OK;
}

enum status api_login_grant(struct api_login *l, struct store *s, const char *user,
                            struct api_tokens *out, struct err *err)
{
    uint8_t mark[TOKEN_MARK];
    bool is_there = false;
    TRY(mark_of(s, user, mark, &is_there, err));
    if (!is_there) {
        return err_set(err, ST_IO, "the user is gone");
    }
    int64_t now = clock_monotonic_ns();
    (void)pthread_mutex_lock(&l->mutex);
    bool ok = tokens_make(&l->tokens, TOKEN_ACCESS, user, mark, now + LOGIN_TOKEN_S * NS_PER_S,
                          out->access) &&
              tokens_make(&l->tokens, TOKEN_REFRESH, user, mark, now + LOGIN_REFRESH_S * NS_PER_S,
                          out->refresh);
    (void)pthread_mutex_unlock(&l->mutex);
    return ok ? ST_OK : err_set(err, ST_IO, "the system gives no random bytes");
}

enum status api_login_refresh(struct api_login *l, struct store *s, const char *refresh,
                              struct api_login_result *out, struct api_tokens *tokens,
                              struct err *err)
{
    uint8_t mark[TOKEN_MARK];
    bool is_there = false;
    TRY(check_token(l, s, TOKEN_REFRESH, refresh, out, err));
    if (out->outcome != LOGIN_OK) {
        return ST_OK;
    }
    TRY(mark_of(s, out->user, mark, &is_there, err));
    /* the same refresh token goes on: clients keep it in a file, several at once */
    (void)snprintf(tokens->refresh, sizeof tokens->refresh, "%s", refresh);
    (void)pthread_mutex_lock(&l->mutex);
    bool ok = tokens_make(&l->tokens, TOKEN_ACCESS, out->user, mark,
                          clock_monotonic_ns() + LOGIN_TOKEN_S * NS_PER_S, tokens->access);
    (void)pthread_mutex_unlock(&l->mutex);
    return ok ? ST_OK : err_set(err, ST_IO, "the system gives no random bytes");
}

enum status api_may(struct store *s, const char *user, enum api_right right, const char *org,
                    bool *out, struct err *err)
{
    unsigned roles = 0;
    *out = false;
    TRY(users_roles(s, user, org, &roles, err));
    switch (right) {
    case API_RIGHT_OPEN:
    case API_RIGHT_LOGIN:
        *out = true;
        break;
#define RIGHT(symbol, id, says)                                                                    \
    case API_RIGHT_##symbol:                                                                       \
        *out = roles_may(roles, ROLE_MAY_##symbol);                                                \
        break;
#include "store/rights.def"
    case API_N_RIGHTS:
        break;
    }
    return ST_OK;
}
