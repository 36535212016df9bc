/* Failed log-ins and tokens, as tables of fixed size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/failures.h"
#include "api/tokens.h"
#include "base/clock.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_begins_and_ends),
        cmocka_unit_test(a_flood_of_names_is_bounded),
        cmocka_unit_test(a_token_is_found_while_it_holds),
        cmocka_unit_test(the_first_to_end_makes_room),
    };
    return cmocka_run_group_tests_name("api_login", tests, NULL, NULL);
}
