/* Failed log-ins and tokens, as tables of fixed size; what counts as a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "api/failures.h"
#include "api/login.h"
#include "api/tokens.h"
#include "base/clock.h"
#include "store/store.h"

static struct failures failures;
static struct tokens tokens;

static void a_wait_begins_and_ends(void **state)
{
    int64_t now = 1000 * NS_PER_S;
    struct bytes joe = BYTES("192.0.2.1 joe");
    struct bytes ann = BYTES("192.0.2.1 ann");
    (void)state;
    memset(&failures, 0, sizeof failures);
    failures_init(&failures, 60);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(failures_wait(&failures, joe, 5, now), 0);
        failures_add(&failures, joe, now);
    }
    assert_in_range(failures_wait(&failures, joe, 5, now), 1, 61);
    assert_int_equal(failures_wait(&failures, ann, 5, now), 0);
    assert_int_equal(failures_wait(&failures, joe, 5, now + 61 * NS_PER_S), 0);
    failures_add(&failures, joe, now + 61 * NS_PER_S); /* a new window */
    assert_int_equal(failures_wait(&failures, joe, 5, now + 61 * NS_PER_S), 0);
    failures_forget(&failures, joe);
    assert_int_equal(failures_wait(&failures, joe, 1, now + 61 * NS_PER_S), 0);
}

static void a_flood_of_names_is_bounded(void **state)
{
    char who[64];
    int64_t now = 1000 * NS_PER_S;
    (void)state;
    memset(&failures, 0, sizeof failures);
    failures_init(&failures, 60);
    for (int i = 0; i < 50000; i++) {
        snprintf(who, sizeof who, "192.0.2.1 user%d", i);
        failures_add(&failures, bytes_of_str(who), now + i);
    }
    for (int i = 0; i < 5; i++) { /* the newest still counts */
        failures_add(&failures, BYTES("192.0.2.9 joe"), now + 50000 + i);
    }
    assert_true(failures_wait(&failures, BYTES("192.0.2.9 joe"), 5, now + 50010) > 0);
}

static void a_token_is_found_while_it_holds(void **state)
{
    uint8_t mark[TOKEN_MARK] = { 7 };
    char out[TOKEN_HEX + 1];
    (void)state;
    memset(&tokens, 0, sizeof tokens);
    assert_true(tokens_make(&tokens, TOKEN_ACCESS, "joe", mark, 100, out));
    const struct token *found = tokens_find(&tokens, TOKEN_ACCESS, bytes_of_str(out), 99);
    assert_non_null(found);
    assert_string_equal(found->user, "joe");
    assert_memory_equal(found->mark, mark, sizeof mark);
    assert_null(tokens_find(&tokens, TOKEN_ACCESS, bytes_of_str(out), 100));
    assert_null(tokens_find(&tokens, TOKEN_REFRESH, bytes_of_str(out), 99));
    assert_null(tokens_find(&tokens, TOKEN_ACCESS, BYTES("x"), 99));
    out[5] = out[5] == 'a' ? 'b' : 'a';
    assert_null(tokens_find(&tokens, TOKEN_ACCESS, bytes_of_str(out), 99));
}

static void the_first_to_end_makes_room(void **state)
{
    uint8_t mark[TOKEN_MARK] = { 0 };
    char first[TOKEN_HEX + 1];
    char second[TOKEN_HEX + 1];
    char other[TOKEN_HEX + 1];
    (void)state;
    memset(&tokens, 0, sizeof tokens);
    assert_true(tokens_make(&tokens, TOKEN_ACCESS, "a", mark, 1000, first));
    assert_true(tokens_make(&tokens, TOKEN_ACCESS, "b", mark, 500000, second));
    for (int i = 0; i < TOKENS_MAX - 1; i++) {
        assert_true(tokens_make(&tokens, TOKEN_ACCESS, "c", mark, 2000 + i, other));
    }
    assert_null(tokens_find(&tokens, TOKEN_ACCESS, bytes_of_str(first), 1));
    assert_non_null(tokens_find(&tokens, TOKEN_ACCESS, bytes_of_str(second), 1));
    assert_non_null(tokens_find(&tokens, TOKEN_ACCESS, bytes_of_str(other), 1));
}

/* --- many users behind one address --- */

#define PASSWORD "correct horse"
enum { USERS = LOGIN_ADDRESS_FAILURES_MAX + 10, SALT_BYTES = 16, HASH_BYTES = 32 };

/* As store/password.h has it, at hardly any cost. */
static void put_hash(struct text *out)
{
    uint8_t salt[SALT_BYTES] = { 0 };
    uint8_t hash[HASH_BYTES];
    assert_int_equal(EVP_PBE_scrypt(PASSWORD, strlen(PASSWORD), salt, sizeof salt, 4, 1, 1, 1 << 20,
                                    hash, sizeof hash),
                     1);
    text_puts(out, "scrypt$2$1$1$");
    text_put_hex(out, bytes_of(salt, sizeof salt));
    text_putc(out, '$');
    text_put_hex(out, bytes_of(hash, sizeof hash));
}

static void put_users(struct store *s)
{
    struct text hash = { 0 };
    char name[32];
    put_hash(&hash);
    assert_int_equal(store_begin(s, NULL), ST_OK);
    for (int i = 0; i < USERS; i++) {
        struct store_key key = { .kind = STORE_USER, .name = name };
        snprintf(name, sizeof name, "user%d@example.com", i);
        assert_int_equal(
            store_put(s, &key, "{}", bytes_of(hash.p, hash.len), (struct bytes){ NULL, 0 }, NULL),
            ST_OK);
    }
    assert_int_equal(store_commit(s, NULL), ST_OK);
    text_deinit(&hash);
}

static enum api_login_outcome try_one(struct api_login *l, struct store *s, int user,
                                      const char *password)
{
    struct api_login_result result;
    char name[32];
    snprintf(name, sizeof name, "user%d@example.com", user);
    struct api_credentials given = { name, password, "192.0.2.1" };
    assert_int_equal(api_login_password(l, s, &given, &result, NULL), ST_OK);
    return result.outcome;
}

/* The right passwords of many users are no failures of their address; wrong ones are. */
static void only_failures_count(void **state)
{
    char dir[] = "/tmp/handfast-login-XXXXXX";
    char path[64];
    struct store *s = NULL;
    struct api_login *l = NULL;
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    assert_int_equal(store_open(path, &s, NULL), ST_OK);
    put_users(s);
    assert_int_equal(api_login_new(&l, NULL), ST_OK);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(try_one(l, s, i, PASSWORD), LOGIN_OK);
    }
    for (int i = 0; i < LOGIN_ADDRESS_FAILURES_MAX; i++) {
        assert_int_equal(try_one(l, s, i, "wrong"), LOGIN_WRONG);
    }
    assert_int_equal(try_one(l, s, USERS - 1, "wrong"), LOGIN_WAIT);
    assert_int_equal(try_one(l, s, USERS - 1, PASSWORD), LOGIN_OK); /* logged in already */
    api_login_free(l);
    store_close(s);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_begins_and_ends),
        cmocka_unit_test(a_flood_of_names_is_bounded),
        cmocka_unit_test(a_token_is_found_while_it_holds),
        cmocka_unit_test(the_first_to_end_makes_room),
        cmocka_unit_test(only_failures_count),
    };
    return cmocka_run_group_tests_name("api_login", tests, NULL, NULL);
}
