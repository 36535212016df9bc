#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "probe/enumerate.h"

enum { VALUES_MAX = 400, LATE = 3 };

/* A server that is made up: what it has, best liked first. */
struct server {
    uint16_t likes[VALUES_MAX];
    size_t n;
    bool follows_client;
    bool is_moody; /* what stands first in the offer decides whose order counts */
    unsigned n_offers, n_waves;
};

static int32_t choose(const struct server *s, const uint16_t *offer, size_t n)
{
    bool follows = s->is_moody ? offer[0] % 3 == 0 : s->follows_client;
    const uint16_t *outer = follows ? offer : s->likes;
    const uint16_t *inner = follows ? s->likes : offer;
    size_t n_outer = follows ? n : s->n;
    size_t n_inner = follows ? s->n : n;
    for (size_t i = 0; i < n_outer; i++) {
        for (size_t j = 0; j < n_inner; j++) {
            if (outer[i] == inner[j]) {
                return outer[i];
            }
        }
    }
    return -1;
}

/* All offers that can be made now are made, then all are answered: a round trip. */
static void run(struct enumerator *e, struct server *s)
{
    enumerator_start(e);
    for (;;) {
        unsigned slots[ENUM_OPEN_MAX];
        int32_t answers[ENUM_OPEN_MAX];
        uint16_t offer[ENUM_ITEMS_MAX];
        size_t n = 0;
        size_t n_values = 0;
        while (enumerator_next(e, &slots[n], offer, &n_values)) {
            assert_true(n_values > 0);
            answers[n++] = choose(s, offer, n_values);
        }
        if (n == 0) {
            assert_true(e->is_over);
            return;
        }
        s->n_waves++;
        s->n_offers += (unsigned)n;
        for (size_t i = n; i-- > 0;) { /* answers come in any order */
            enumerator_answer(e, slots[i], answers[i]);
        }
    }
}

static struct enumerator *make(size_t n)
{
    struct enumerator *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->n = n;
    e->budget = 10000;
    e->is_eager = true;
    for (size_t i = 0; i < n; i++) {
        e->value[i] = (uint16_t)(1000 + i);
        e->groups[i] = 1U << (i % 5) | 1U << (5 + i / 10);
    }
    e->n_groups = 5 + (n + 9) / 10;
    return e;
}

static void check(struct enumerator *e, struct server *s)
{
    size_t found[ENUM_ITEMS_MAX];
    run(e, s);
    size_t n = enumerator_accepted(e, found);
    assert_int_equal(n, s->n);
    for (size_t i = 0; i < n; i++) {
        if (!s->follows_client) {
            assert_int_equal(e->value[found[i]], s->likes[i]);
        }
        assert_int_equal(e->state[found[i]], ENUM_ACCEPTED);
    }
    for (size_t i = 0; i < e->n; i++) {
        assert_true(e->state[i] == ENUM_ACCEPTED || e->state[i] == ENUM_REJECTED);
    }
}

/* A fixed sequence of numbers, the same in every run. */
static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

/* `n` of the first `of` values, in the order guessed or any order. */
static struct server make_server(size_t n, size_t of, uint32_t seed)
{
    struct server s = { .n = 0 };
    uint32_t state = seed;
    for (size_t i = 0; i < of && s.n < n; i++) {
        if (draw(&state) % (of - i) < n - s.n) {
            s.likes[s.n++] = (uint16_t)(1000 + i);
        }
    }
    for (size_t i = s.n; seed % 2 == 1 && i > 1; i--) {
        size_t other = draw(&state) % i;
        uint16_t value = s.likes[i - 1];
        s.likes[i - 1] = s.likes[other];
        s.likes[other] = value;
    }
    return s;
}

static void any_server_is_learned(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 120; seed++) {
        struct enumerator *e = make(60);
        struct server s = make_server(seed % 61, 60, seed);
        s.follows_client = seed % 3 == 2;
        e->n_likely = seed % 4 == 3 ? 40 : 0;
        e->is_patient = seed % 5 == 4;
        e->is_eager = seed % 7 != 0;
        check(e, &s);
        free(e);
    }
}

/* Go and BoringSSL like ChaCha20 better with clients that name it first. */
static void a_server_with_two_orders_hides_nothing(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        struct enumerator *e = make(60);
        struct server s = make_server(seed % 61, 60, seed);
        size_t found[ENUM_ITEMS_MAX];
        s.is_moody = true;
        e->n_likely = seed % 4 == 3 ? 40 : 0;
        e->is_patient = seed % 5 == 4;
        run(e, &s);
        size_t n = enumerator_accepted(e, found);
        for (size_t i = 0; i < e->n; i++) {
            n += e->state[i] == ENUM_UNCERTAIN ? 1 : 0; /* said, not hidden */
        }
        assert_true(n >= s.n);
        for (size_t i = 0; i < s.n; i++) {
            assert_int_not_equal(e->state[s.likes[i] - 1000], ENUM_REJECTED);
        }
        free(e);
    }
}

static void a_good_guess_takes_two_waves(void **state)
{
    struct enumerator *e = make(60);
    struct server s = make_server(60, 60, 2);
    (void)state;
    check(e, &s);
    assert_true(s.n_waves <= 2);
    assert_true(s.n_offers <= 60 + e->n_groups + 2);
    assert_int_equal(e->policy, ENUM_POLICY_SERVER);
    free(e);
}

static void one_wrong_place_takes_one_wave_more(void **state)
{
    struct enumerator *e = make(40);
    struct server s = make_server(40, 40, 2);
    (void)state;
    uint16_t moved = s.likes[30];
    memmove(&s.likes[6], &s.likes[5], 25 * sizeof s.likes[0]);
    s.likes[5] = moved;
    check(e, &s);
    assert_true(s.n_waves <= 2 + LATE);
    free(e);
}

static void a_right_hint_takes_one_wave(void **state)
{
    struct enumerator *e = make(60);
    struct server s = make_server(20, 60, 8);
    uint16_t missing[60];
    size_t n = 0;
    (void)state;
    for (size_t i = 0, k = 0; i < 60; i++) {
        bool is_there = k < s.n && s.likes[k] == e->value[i];
        k += is_there ? 1 : 0;
        missing[n] = e->value[i];
        n += is_there ? 0 : 1;
    }
    enumerator_doubt(e, missing, n);
    check(e, &s);
    assert_true(s.n_waves <= 2);
    assert_true(s.n_offers <= 20 + 4);
    free(e);
}

static void a_wrong_hint_costs_waves_only(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        struct enumerator *e = make(60);
        struct server s = make_server(seed % 61, 60, seed);
        s.follows_client = seed % 3 == 2;
        enumerator_doubt(e, s.likes, s.n / 2);
        check(e, &s);
        free(e);
    }
}

static void nothing_accepted_takes_one_wave(void **state)
{
    struct enumerator *e = make(60);
    struct server s = { .n = 0 };
    (void)state;
    check(e, &s);
    assert_int_equal(s.n_waves, 1);
    free(e);
}

static void patience_asks_once_for_each(void **state)
{
    struct enumerator *e = make(60);
    struct server s = make_server(7, 60, 5);
    (void)state;
    e->is_patient = true;
    check(e, &s);
    assert_true(s.n_offers <= 7 + 3);
    free(e);
}

static void a_budget_is_kept(void **state)
{
    (void)state;
    for (unsigned budget = 0; budget < 40; budget++) {
        struct enumerator *e = make(60);
        struct server s = make_server(30, 60, 4);
        e->budget = budget;
        run(e, &s);
        assert_true(s.n_offers <= budget);
        assert_true(e->is_short || budget > 30);
        free(e);
    }
}

static void silence_leaves_it_uncertain(void **state)
{
    struct enumerator *e = make(10);
    unsigned offer = 0;
    uint16_t values[ENUM_ITEMS_MAX];
    size_t n = 0;
    (void)state;
    e->n_groups = 0;
    enumerator_start(e);
    for (unsigned i = 0; i < 1000 && !e->is_over; i++) {
        if (enumerator_next(e, &offer, values, &n)) {
            enumerator_answer(e, offer, -2);
        }
    }
    assert_true(e->is_over);
    for (size_t i = 0; i < e->n; i++) {
        assert_int_equal(e->state[i], ENUM_UNCERTAIN);
    }
    free(e);
}

static void answers_that_contradict_each_other_end(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 50; seed++) {
        struct enumerator *e = make(30);
        uint16_t values[ENUM_ITEMS_MAX];
        unsigned offer = 0;
        size_t n = 0;
        uint32_t random = seed;
        e->budget = 400;
        enumerator_start(e);
        for (unsigned i = 0; i < 5000 && !e->is_over; i++) {
            if (enumerator_next(e, &offer, values, &n)) {
                enumerator_answer(e, offer, values[draw(&random) % n]);
            }
        }
        assert_true(e->is_over);
        free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_server_is_learned),
        cmocka_unit_test(a_server_with_two_orders_hides_nothing),
        cmocka_unit_test(a_good_guess_takes_two_waves),
        cmocka_unit_test(one_wrong_place_takes_one_wave_more),
        cmocka_unit_test(a_right_hint_takes_one_wave),
        cmocka_unit_test(a_wrong_hint_costs_waves_only),
        cmocka_unit_test(nothing_accepted_takes_one_wave),
        cmocka_unit_test(patience_asks_once_for_each),
        cmocka_unit_test(a_budget_is_kept),
        cmocka_unit_test(silence_leaves_it_uncertain),
        cmocka_unit_test(answers_that_contradict_each_other_end),
    };
    return cmocka_run_group_tests_name("enumerate", tests, NULL, NULL);
}
