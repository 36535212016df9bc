#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <errno.h>

#include <cmocka.h>

#include "base/clock.h"
#include "probe/lane.h"

static int64_t ms(int64_t n)
{
    return n * NS_PER_MS;
}

static struct probe_lane make_lane(unsigned parallel)
{
    struct probe_options options = { .parallel = parallel, .timeout_ms = 5000, .tries = 3 };
    struct probe_lane lane = { .next = NULL };
    lane_init(&lane, &options);
    return lane;
}

/* A question that came to its end `connect_ms` and `answer_ms` after it began. */
static struct connection make(enum probe_end end, int64_t connect_ms, int64_t answer_ms)
{
    struct connection c = { .fd = -1, .state = CONNECTION_OVER };
    c.outcome.end = end;
    c.outcome.started_ns = ms(1000);
    if (connect_ms > 0) {
        c.outcome.connected_ns = c.outcome.sent_ns = ms(1000 + connect_ms);
    }
    if (answer_ms > 0) {
        c.outcome.first_byte_ns = c.outcome.sent_ns + ms(answer_ms);
    }
    return c;
}

struct row {
    const char *name;
    enum probe_end end;
    int64_t connect_ms, answer_ms;
    int error;
    bool was_reached; /* something else answered before */
    enum lane_verdict verdict;
    bool is_gentle;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "an answer is reported", PROBE_ANSWERED, 10, 10, 0, true, LANE_REPORT, false },
    { "so is an alert", PROBE_ALERT, 10, 10, 0, true, LANE_REPORT, false },
    { "so are bytes that are no TLS", PROBE_NOT_TLS, 10, 10, 0, true, LANE_REPORT, false },
    { "a first FIN is asked again", PROBE_CLOSED, 10, 0, 0, true, LANE_AGAIN, false },
    { "a first RST is asked again", PROBE_RESET, 10, 0, 0, true, LANE_AGAIN, false },
    { "silence of who has answered: overload", PROBE_SILENT, 10, 0, 0, true, LANE_AGAIN, true },
    { "silence of who never answered", PROBE_SILENT, 10, 0, 0, false, LANE_REPORT, false },
    { "refused from the beginning", PROBE_NOT_REACHED, 0, 0, ECONNREFUSED, false, LANE_REPORT,
      false },
    { "refused later: overload", PROBE_NOT_REACHED, 0, 0, ECONNREFUSED, true, LANE_AGAIN, true },
    { "no STARTTLS from the beginning", PROBE_NO_DIALOGUE, 10, 0, 0, false, LANE_REPORT, false },
    { "no STARTTLS later: overload", PROBE_NO_DIALOGUE, 10, 0, 0, true, LANE_AGAIN, true },
    { "our own failure", PROBE_BROKEN, 0, 0, EMFILE, true, LANE_REPORT, false },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct probe_lane lane = make_lane(0);
    if (row->was_reached) {
        struct connection before = make(PROBE_ANSWERED, 10, 10);
        assert_int_equal(lane_judge(&lane, &before), LANE_REPORT);
    }
    struct connection c = make(row->end, row->connect_ms, row->answer_ms);
    c.outcome.system_error = row->error;
    assert_int_equal(lane_judge(&lane, &c), row->verdict);
    assert_int_equal(lane.facts.is_gentle, row->is_gentle);
    assert_int_equal(c.n_tries, 1);
}

static void the_window_grows_where_answers_are_quick(void **state)
{
    struct probe_lane lane = make_lane(0);
    (void)state;
    assert_int_equal(lane.window, PROBE_PARALLEL);
    for (unsigned i = 0; i < 200; i++) {
        struct connection c = make(PROBE_ANSWERED, 20, 20);
        assert_int_equal(lane_judge(&lane, &c), LANE_REPORT);
    }
    assert_int_equal(lane.window, PROBE_PARALLEL_MAX);
}

static void a_near_server_needs_no_more(void **state)
{
    struct probe_lane lane = make_lane(0);
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct connection c = make(PROBE_ANSWERED, 1, 20);
        assert_int_equal(lane_judge(&lane, &c), LANE_REPORT);
    }
    assert_int_equal(lane.window, PROBE_PARALLEL);
}

static void a_window_that_was_asked_for_stays(void **state)
{
    struct probe_lane lane = make_lane(8);
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct connection c = make(PROBE_ANSWERED, 20, 20);
        (void)lane_judge(&lane, &c);
    }
    assert_int_equal(lane.window, 8);
    lane.n_open = 8;
    assert_false(lane_has_room(&lane, ms(5000)));
}

static void silence_shrinks_it_but_not_to_nothing(void **state)
{
    struct probe_lane lane = make_lane(0);
    struct connection first = make(PROBE_ANSWERED, 20, 20);
    (void)state;
    (void)lane_judge(&lane, &first);
    for (unsigned i = 0; i < 20; i++) {
        struct connection c = make(PROBE_SILENT, 20, 0);
        (void)lane_judge(&lane, &c);
        assert_true(lane.window >= 2);
    }
    assert_int_equal(lane.window, 2);
}

static void three_tries_are_all(void **state)
{
    struct probe_lane lane = make_lane(0);
    struct connection first = make(PROBE_ANSWERED, 20, 20);
    struct connection c = make(PROBE_SILENT, 20, 0);
    (void)state;
    (void)lane_judge(&lane, &first);
    lane.n_open = 3; /* it is not alone: silence may be overload each time */
    assert_int_equal(lane_judge(&lane, &c), LANE_AGAIN);
    assert_int_equal(lane_judge(&lane, &c), LANE_AGAIN);
    assert_int_equal(lane_judge(&lane, &c), LANE_REPORT);
    assert_true(c.outcome.is_uncertain);
}

static void the_rate_is_kept(void **state)
{
    struct probe_options options = { .rate = 10, .timeout_ms = 5000, .tries = 3 };
    struct probe_lane lane = { .next = NULL };
    (void)state;
    lane_init(&lane, &options);
    assert_true(lane_has_room(&lane, ms(1000)));
    lane_started(&lane, ms(1000));
    assert_false(lane_has_room(&lane, ms(1099)));
    assert_true(lane_has_room(&lane, ms(1100)));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 6] = {
        cmocka_unit_test(the_window_grows_where_answers_are_quick),
        cmocka_unit_test(a_near_server_needs_no_more),
        cmocka_unit_test(a_window_that_was_asked_for_stays),
        cmocka_unit_test(silence_shrinks_it_but_not_to_nothing),
        cmocka_unit_test(three_tries_are_all),
        cmocka_unit_test(the_rate_is_kept),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[6 + i] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
