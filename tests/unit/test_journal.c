/* What goes into a journal comes out of it, byte for byte, or is refused whole. */
#include "transcript/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"

enum { ARENA_BYTES = 4 << 20, HELLO_LEN = 300, N_RANDOM = 4000, BIG_BODY = 1 << 19 };

static const char *const texts[] = { "a limit", "another" };
static const struct x509_chain *const some_chain = (const struct x509_chain *)(const void *)texts;

#define AT(frame_, ns) .when = { frame_, ns }, .last = { frame_, ns }

/* clang-format off: a table reads by columns */
static const struct row {
    const char *name;
    struct event event;
} rows[] = {
    { "nothing but a kind", { .kind = EVENT_SYN, .count = 1, AT(1, 1000) } },
    { "of the server", { .kind = EVENT_SYN_ACK, .side = SIDE_SERVER, .count = 1, AT(2, 2000) } },
    { "flags",
      { .kind = EVENT_SYN, .flags = EVENT_REPEAT | EVENT_SEQ_DIFFERS, .count = 1, AT(3, 3000) } },
    { "a type and a level",
      { .kind = EVENT_ALERT, .type = 255, .level = 2, .count = 1, AT(4, 1) } },
    { "a level alone", { .kind = EVENT_RST, .level = 64, .count = 1, AT(4, 1) } },
    { "a version", { .kind = EVENT_CHANGE_CIPHER_SPEC, .version = 0xfefd, .count = 1, AT(5, 5) } },
    { "the longest length", { .kind = EVENT_GAP, .len = UINT32_MAX, .count = 1, AT(6, 6) } },
    { "a series",
      { .kind = EVENT_APPLICATION_DATA,
        .len = 16401,
        .count = UINT32_MAX,
        .when = { 7, 7 },
        .last = { 90000, INT64_C(9000000000) } } },
    { "a series that ends before it begins",
      { .kind = EVENT_APPLICATION_DATA, .count = 2, .when = { 7, 7000 }, .last = { 3, -5 } } },
    { "a text", { .kind = EVENT_LIMIT, .text = "a limit", .count = 1, AT(8, 8) } },
    { "an earlier time and frame", { .kind = EVENT_FIN, .count = 1, AT(1, -1) } },
    { "the last time there is", { .kind = EVENT_FIN, .count = 1, AT(UINT64_MAX, INT64_MAX) } },
    { "the first time there is", { .kind = EVENT_FIN, .count = 1, AT(0, INT64_MIN) } },
    { "a body of one byte",
      { .kind = EVENT_PLAINTEXT, .body = { (const uint8_t *)"\0", 1 }, .count = 1, AT(9, 9) } },
    { "every field at once",
      { .kind = EVENT_HANDSHAKE,
        .side = SIDE_SERVER,
        .flags = 31,
        .type = 11,
        .level = 1,
        .version = 1,
        .len = 2,
        .count = 3,
        .when = { 10, 10 },
        .last = { 11, 11 },
        .body = { (const uint8_t *)"body", 4 },
        .text = "another" } },
};
/* clang-format on */

static void assert_same(const struct event *got, const struct event *want)
{
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->side, want->side);
    assert_int_equal(got->flags, want->flags);
    assert_int_equal(got->type, want->type);
    assert_int_equal(got->level, want->level);
    assert_int_equal(got->version, want->version);
    assert_int_equal(got->len, want->len);
    assert_int_equal(got->count, want->count);
    assert_true(got->when.frame == want->when.frame && got->when.at_ns == want->when.at_ns);
    assert_true(got->last.frame == want->last.frame && got->last.at_ns == want->last.at_ns);
    assert_true(bytes_equal(got->body, want->body));
    assert_ptr_equal(got->chain, want->chain);
    assert_ptr_equal(got->text, want->text);
}

static void one_event(void **state)
{
    const struct row *row = *state;
    struct journal j = { 0 };
    struct event got;
    assert_true(journal_put(&j, &row->event, NULL));
    struct journal_reader r = journal_read(&j, NULL, NULL);
    assert_true(journal_next(&r, &got));
    assert_same(&got, &row->event);
    assert_false(journal_next(&r, &got));
    journal_deinit(&j);
}

static void all_events(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct event got;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(journal_put(&j, &rows[i].event, NULL));
    }
    struct journal_reader r = journal_read(&j, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(journal_next(&r, &got));
        assert_same(&got, &rows[i].event);
    }
    assert_false(journal_next(&r, &got));
    journal_deinit(&j);
}

/* --- any events, reproducibly --- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *seed >> 33;
}

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)next_random(&seed);
    }
}

/* A ClientHello of one of three programs: its random fields differ, the rest does not. */
static void make_hello(uint8_t out[HELLO_LEN], uint64_t n)
{
    fill(out, HELLO_LEN, n % 3);
    fill(out + 2, 32, n);
}

/* Bodies up to 300 bytes of `pool`, a hello of its own with every fourth. */
static struct event random_event(uint64_t n, uint8_t *pool)
{
    uint64_t seed = n;
    uint64_t frame = next_random(&seed) % 100000;
    struct event e = {
        .kind = (uint8_t)(next_random(&seed) % EVENT_N_KINDS),
        .side = (uint8_t)(next_random(&seed) % 2),
        .flags = (uint8_t)(next_random(&seed) % 2 * next_random(&seed)),
        .type = (uint8_t)(next_random(&seed) % 2 * next_random(&seed)),
        .level = (uint8_t)(next_random(&seed) % 2 * next_random(&seed)),
        .version = (uint16_t)(next_random(&seed) % 2 * next_random(&seed)),
        .len = (uint32_t)(next_random(&seed) % 2 * next_random(&seed)),
        .count = 1 + (uint32_t)(next_random(&seed) % 2 * next_random(&seed)),
        .when = { frame, (int64_t)next_random(&seed) - 1000 },
        .body = bytes_of(pool, next_random(&seed) % HELLO_LEN),
        .text = texts[n % 2],
        .chain = n % 5 == 0 ? some_chain : NULL,
    };
    e.last = e.count > 1 ? (struct when){ frame + n % 9, e.when.at_ns + (int64_t)n } : e.when;
    fill(pool, HELLO_LEN, n);
    if (n % 4 == 0) {
        make_hello(pool, n);
        e.kind = EVENT_HANDSHAKE;
        e.type = 1;
        e.body = bytes_of(pool, HELLO_LEN);
    }
    return e;
}

static void random_events(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct arena arena = { .limit_bytes = ARENA_BYTES };
    struct hello_templates *templates = hello_templates_new();
    uint8_t pool[HELLO_LEN];
    for (uint64_t n = 0; n < N_RANDOM; n++) {
        struct event e = random_event(n, pool);
        assert_true(journal_put(&j, &e, templates));
    }
    struct journal_reader r = journal_read(&j, templates, &arena);
    for (uint64_t n = 0; n < N_RANDOM; n++) {
        struct event got;
        struct event want = random_event(n, pool);
        assert_true(journal_next(&r, &got));
        assert_same(&got, &want);
    }
    journal_deinit(&j);
    hello_templates_free(templates);
    arena_deinit(&arena);
}

/* --- size --- */

static void hellos_of_one_program_are_small(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct hello_templates *templates = hello_templates_new();
    uint8_t hello[HELLO_LEN];
    uint32_t before = 0;
    for (uint64_t n = 0; n < 9; n += 3) {
        make_hello(hello, n);
        before = j.len;
        struct event e = {
            .kind = EVENT_HANDSHAKE, .type = 1, .count = 1, .body = bytes_of(hello, HELLO_LEN)
        };
        assert_true(journal_put(&j, &e, templates));
    }
    assert_in_range(j.len - before, 32, 60);
    journal_deinit(&j);
    hello_templates_free(templates);
}

static void absent_fields_take_no_room(void **state)
{
    (void)state;
    struct journal j = { 0 };
    assert_true(journal_put(&j, &(struct event){ .kind = EVENT_SYN, .count = 1, AT(1, 50) }, NULL));
    assert_int_equal(j.len, 3);
    journal_deinit(&j);
}

static void stops_at_its_limit(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct event got;
    size_t n = 0;
    size_t n_read = 0;
    uint8_t body[1000] = { 1 };
    struct event e = { .kind = EVENT_PLAINTEXT, .count = 1, .body = bytes_of(body, sizeof body) };
    while (journal_put(&j, &e, NULL)) {
        n++;
        assert_true(n <= JOURNAL_LIMIT_BYTES / sizeof body);
    }
    assert_in_range(n, 1000, JOURNAL_LIMIT_BYTES / sizeof body);
    assert_in_range(j.len, 0, JOURNAL_LIMIT_BYTES);
    assert_in_range(j.cap, 0, JOURNAL_LIMIT_BYTES);
    struct journal_reader r = journal_read(&j, NULL, NULL);
    while (journal_next(&r, &got)) {
        assert_same(&got, &e);
        n_read++;
    }
    assert_int_equal(n_read, n);
    journal_deinit(&j);
}

static void large_bodies(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct event got;
    uint8_t *body = malloc(2 * JOURNAL_LIMIT_BYTES);
    assert_non_null(body);
    fill(body, 2 * JOURNAL_LIMIT_BYTES, 1);
    struct event e = { .kind = EVENT_HANDSHAKE, .type = 11, .count = 1 };
    e.body = bytes_of(body, 2 * JOURNAL_LIMIT_BYTES);
    assert_false(journal_put(&j, &e, NULL));
    assert_int_equal(j.len, 0);
    e.body.len = BIG_BODY;
    assert_true(journal_put(&j, &e, NULL));
    assert_false(journal_put(&j, &e, NULL));
    struct journal_reader r = journal_read(&j, NULL, NULL);
    assert_true(journal_next(&r, &got));
    assert_same(&got, &e);
    assert_false(journal_next(&r, &got));
    free(body);
    journal_deinit(&j);
}

static void a_full_arena_gives_no_body(void **state)
{
    (void)state;
    struct journal j = { 0 };
    struct arena arena = { .limit_bytes = HELLO_LEN - 1 };
    struct hello_templates *templates = hello_templates_new();
    uint8_t hello[HELLO_LEN];
    struct event got;
    for (uint64_t n = 0; n < 6; n += 3) {
        make_hello(hello, n);
        struct event e = {
            .kind = EVENT_HANDSHAKE, .type = 1, .count = 1, .body = bytes_of(hello, HELLO_LEN)
        };
        assert_true(journal_put(&j, &e, templates));
    }
    struct journal_reader r = journal_read(&j, templates, &arena);
    assert_true(journal_next(&r, &got));
    assert_int_equal(got.body.len, HELLO_LEN); /* stored whole */
    assert_true(journal_next(&r, &got));
    assert_int_equal(got.body.len, 0);
    assert_false(journal_next(&r, &got));
    journal_deinit(&j);
    hello_templates_free(templates);
    arena_deinit(&arena);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 7];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, one_event, NULL, NULL, (void *)&rows[n] };
    }
    const struct CMUnitTest others[] = {
        cmocka_unit_test(all_events),
        cmocka_unit_test(random_events),
        cmocka_unit_test(hellos_of_one_program_are_small),
        cmocka_unit_test(absent_fields_take_no_room),
        cmocka_unit_test(stops_at_its_limit),
        cmocka_unit_test(large_bodies),
        cmocka_unit_test(a_full_arena_gives_no_body),
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[n++] = others[i];
    }
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
