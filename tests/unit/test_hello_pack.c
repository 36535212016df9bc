/* Packing a ClientHello loses nothing; what is packed is at most half as long. */
#include "transcript/hello_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20, ROOM = HELLO_TEMPLATE_BYTES_MAX + 1 };

static uint8_t template_bytes[ROOM], hello_bytes[ROOM];

static void fill(uint8_t *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;
        p[i] = (uint8_t)(seed >> 16);
    }
}

/* A hello that was never seen before is stored whole. */
static struct hello_templates *with_template(size_t len)
{
    struct hello_templates *t = hello_templates_new();
    uint8_t out[ROOM];
    assert_non_null(t);
    fill(template_bytes, ROOM, 1);
    fill(hello_bytes, ROOM, 1);
    assert_int_equal(hello_pack(t, bytes_of(template_bytes, len), out), 0);
    return t;
}

static size_t pack_and_check(struct hello_templates *t, size_t len)
{
    struct arena arena = { .limit_bytes = ARENA_BYTES };
    struct bytes hello = bytes_of(hello_bytes, len);
    uint8_t *packed = malloc(len / 2); /* exact, so that the sanitizer sees one too far */
    assert_non_null(packed);
    size_t n = hello_pack(t, hello, packed);
    assert_true(n <= len / 2);
    if (n > 0) {
        assert_true(bytes_equal(hello_unpack(t, bytes_of(packed, n), &arena), hello));
    }
    free(packed);
    arena_deinit(&arena);
    return n;
}

/* clang-format off: a table reads by columns */
static const struct row {
    const char *name;
    size_t len;
    struct {
        size_t at, n;
    } changes[4];
    bool is_packed;
} rows[] = {
    { "the same again", 300, { { 0, 0 } }, true },
    { "another random", 300, { { 2, 32 } }, true },
    { "random and session id", 300, { { 2, 32 }, { 35, 32 } }, true },
    { "a key share too", 300, { { 2, 32 }, { 35, 32 }, { 260, 32 } }, true },
    { "the last byte", 300, { { 299, 1 } }, true },
    { "the first byte", 300, { { 0, 1 } }, true },
    { "runs of equal bytes that are short", 300, { { 2, 5 }, { 9, 5 }, { 17, 5 } }, true },
    { "equal bytes at the very end", 300, { { 290, 7 } }, true },
    { "more than half", 300, { { 2, 32 }, { 170, 130 } }, false },
    { "another shape", 300, { { 100, 1 } }, false },
    { "the shortest that is packed", 68, { { 0, 1 } }, true },
    { "too short", 67, { { 0, 0 } }, false },
    { "the longest", 4096, { { 2, 32 }, { 35, 32 }, { 4000, 96 } }, true },
    { "too long", 4097, { { 0, 0 } }, false },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct hello_templates *t = with_template(row->len);
    for (size_t i = 0; i < ARRAY_LEN(row->changes); i++) {
        for (size_t k = 0; k < row->changes[i].n; k++) {
            hello_bytes[row->changes[i].at + k] ^= 0xff;
        }
    }
    assert_int_equal(pack_and_check(t, row->len) > 0, row->is_packed);
    hello_templates_free(t);
}

/* Whatever differs, the same comes back. */
static void any_difference(void **state)
{
    (void)state;
    struct hello_templates *t = with_template(400);
    size_t n_packed = 0;
    for (unsigned n = 0; n < 2000; n++) {
        uint8_t dice[40];
        fill(dice, sizeof dice, n + 7);
        fill(hello_bytes, ROOM, 1);
        for (size_t i = 0; i + 1 < dice[0] % sizeof dice; i++) {
            size_t at = dice[i + 1] < 67 ? dice[i + 1] : 163 + dice[i + 1] % 237U;
            hello_bytes[at] ^= 1;
        }
        n_packed += pack_and_check(t, 400) > 0;
    }
    assert_true(n_packed > 1000);
    hello_templates_free(t);
}

/* Past the limit of templates nothing more is learnt, and what is known still serves. */
static void full(void **state)
{
    (void)state;
    struct hello_templates *t = with_template(200);
    uint8_t out[ROOM];
    for (unsigned n = 0; n < HELLO_TEMPLATES_MAX + 500; n++) {
        fill(hello_bytes, ROOM, n + 2);
        hello_pack(t, bytes_of(hello_bytes, 200), out);
    }
    assert_int_equal(t->n, HELLO_TEMPLATES_MAX);
    fill(hello_bytes, ROOM, 1);
    hello_bytes[3] ^= 1;
    assert_true(pack_and_check(t, 200) > 0);
    fill(hello_bytes, ROOM, HELLO_TEMPLATES_MAX + 400);
    assert_int_equal(pack_and_check(t, 200), 0);
    assert_int_equal(pack_and_check(t, 200), 0);
    hello_templates_free(t);
}

static void null_is_fine(void **state)
{
    (void)state;
    hello_templates_free(NULL);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(any_difference);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(full);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(null_is_fine);
    return cmocka_run_group_tests_name("hello_pack", tests, NULL, NULL);
}
