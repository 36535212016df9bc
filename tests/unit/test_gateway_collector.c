/* What the collector is made of: which notes are alike, the queue of notes, nginx's counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "gateway/expiry.h"
#include "gateway/flood.h"
#include "gateway/nginx_metrics.h"
#include "gateway/note_queue.h"

/* --- flood --- */

static struct flood flood;

static void put(struct note *n, uint8_t kind, uint8_t type, struct bytes body)
{
    struct note_entry e = { .kind = kind, .type = type, .at_ns = 1 };
    assert_true(note_put(n, &e, body, (struct bytes){ NULL, 0 }));
}

/* A note of an alert, for an id and a target, from a port of 192.0.2.1. */
static uint64_t mark_of(uint8_t alert, const char *id, const char *target, uint8_t port)
{
    struct note n = { 0 };
    const uint8_t peer[] = { 4, 0x12, port, 192, 0, 2, 1 };
    put(&n, NOTE_ALERT, alert, (struct bytes){ NULL, 0 });
    put(&n, NOTE_MESSAGE, 20, bytes_of_str(id)); /* Finished: it differs by chance */
    put(&n, NOTE_FACT, FACT_ID, bytes_of_str(id));
    put(&n, NOTE_FACT, FACT_TARGET, bytes_of_str(target));
    put(&n, NOTE_FACT, FACT_PEER, bytes_of(peer, sizeof peer));
    uint64_t mark = flood_mark(&flood, bytes_skip(bytes_of(n.p, n.len), NOTE_HEAD_BYTES));
    note_deinit(&n);
    return mark;
}

static void alike_is_what_differs_by_chance(void **state)
{
    (void)state;
    flood_init(&flood);
    uint64_t one = mark_of(40, "a", "billing", 1);
    assert_true(one == mark_of(40, "b", "billing", 2));
    assert_false(one == mark_of(48, "a", "billing", 1));
    assert_false(one == mark_of(40, "a", "orders", 1));
}

static void the_first_of_a_second_are_kept(void **state)
{
    (void)state;
    flood_init(&flood);
    for (int i = 1; i <= FLOOD_KEPT; i++) {
        assert_null(flood_repeats(&flood, 7, 100));
        flood_keep(&flood, 7, &(struct flood_kept){ .number = i }, 100);
    }
    assert_non_null(flood_repeats(&flood, 7, 100));
    assert_int_equal(flood_repeats(&flood, 7, 100)->number, FLOOD_KEPT);
    assert_null(flood_repeats(&flood, 8, 100));
    assert_null(flood_repeats(&flood, 7, 100 + NS_PER_S)); /* a second later they are kept again */
}

static void what_was_not_kept_is_not_repeated(void **state)
{
    (void)state;
    flood_init(&flood);
    for (int i = 0; i < 2 * FLOOD_KEPT; i++) {
        flood_keep(&flood, 7, &(struct flood_kept){ .number = 0 }, 100);
    }
    assert_null(flood_repeats(&flood, 7, 100));
}

/* --- the queue --- */

static void a_queue_gives_what_it_was_given(void **state)
{
    (void)state;
    struct note_queue *q = NULL;
    size_t len = 0;
    assert_int_equal(note_queue_new(&q, NULL), ST_OK);
    assert_true(note_queue_put(q, BYTES("one")));
    assert_true(note_queue_put(q, BYTES("three")));
    uint8_t *first = note_queue_take(q, 0, &len);
    assert_true(bytes_equal(bytes_of(first, len), BYTES("one")));
    free(first);
    note_queue_end(q);
    assert_false(note_queue_has_ended(q)); /* one is left */
    uint8_t *second = note_queue_take(q, 1000, &len);
    assert_true(bytes_equal(bytes_of(second, len), BYTES("three")));
    free(second);
    assert_true(note_queue_has_ended(q));
    assert_null(note_queue_take(q, 1000, &len));
    note_queue_free(q);
}

static void a_full_queue_counts_what_it_drops(void **state)
{
    (void)state;
    enum { PART = 16 * 1024 * 1024 };
    struct note_queue *q = NULL;
    uint8_t *part = calloc(1, PART);
    assert_non_null(part);
    assert_int_equal(note_queue_new(&q, NULL), ST_OK);
    for (int i = 1; i < NOTE_QUEUE_BYTES / PART; i++) {
        assert_true(note_queue_put(q, bytes_of(part, PART)));
    }
    assert_false(note_queue_put(q, bytes_of(part, PART))); /* what holds it counts too */
    assert_int_equal(note_queue_dropped(q), 1);
    assert_int_equal(note_queue_dropped(q), 0);
    note_queue_free(q); /* with what is in it */
    free(part);
}

/* --- nginx --- */

static void series_of_one_name_stand_together(void **state)
{
    (void)state;
    const struct bytes both[2] = {
        BYTES("# HELP handfast_handshakes_total h\n# TYPE handfast_handshakes_total counter\n"
              "handfast_handshakes_total{direction=\"northbound\",outcome=\"completed\"} 10\n"
              "# TYPE handfast_resumed_total counter\n"
              "handfast_resumed_total{direction=\"northbound\"} 4\n"
              "# TYPE handfast_unjudged_total counter\nhandfast_unjudged_total 1\n"),
        BYTES("# TYPE handfast_handshakes_total counter\n"
              "handfast_handshakes_total{direction=\"southbound\",outcome=\"completed\"} 3\n"
              "handfast_unjudged_total 2")
    };
    struct text out = { 0 };
    struct nginx_resumption sum = { 0 };
    nginx_metrics_merge(&out, both, &sum);
    assert_string_equal(
        text_str(&out),
        "# HELP handfast_nginx_handshakes_total h\n"
        "# TYPE handfast_nginx_handshakes_total counter\n"
        "handfast_nginx_handshakes_total{part=\"router\",direction=\"northbound\","
        "outcome=\"completed\"} 10\n"
        "handfast_nginx_handshakes_total{part=\"message-processor\",direction=\"southbound\","
        "outcome=\"completed\"} 3\n"
        "# TYPE handfast_nginx_resumed_total counter\n"
        "handfast_nginx_resumed_total{part=\"router\",direction=\"northbound\"} 4\n"
        "# TYPE handfast_nginx_unjudged_total counter\n"
        "handfast_nginx_unjudged_total{part=\"router\"} 1\n"
        "handfast_nginx_unjudged_total{part=\"message-processor\"} 2\n");
    assert_int_equal(sum.completed[0], 10);
    assert_int_equal(sum.completed[1], 3);
    assert_int_equal(sum.resumed[0], 4);
    text_deinit(&out);
}

static void days_are_whole_ones(void **state)
{
    (void)state;
    assert_int_equal(expiry_days_left(86400 * 3 + 5, 0), 3);
    assert_int_equal(expiry_days_left(86399, 0), 0);
    assert_int_equal(expiry_days_left(0, 1), -1);
    assert_int_equal(expiry_days_left(0, 86400), -1);
    assert_int_equal(expiry_days_left(0, 86401), -2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alike_is_what_differs_by_chance),
        cmocka_unit_test(the_first_of_a_second_are_kept),
        cmocka_unit_test(what_was_not_kept_is_not_repeated),
        cmocka_unit_test(a_queue_gives_what_it_was_given),
        cmocka_unit_test(a_full_queue_counts_what_it_drops),
        cmocka_unit_test(series_of_one_name_stand_together),
        cmocka_unit_test(days_are_whole_ones),
    };
    return cmocka_run_group_tests_name("gateway_collector", tests, NULL, NULL);
}
