/* What may be asked of a connection while it lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp/tcp.h"

struct seen {
    struct tcp_conn *conn;
    struct tcp_side_stats at_end[2];
    enum side first_data;
    unsigned n_data, n_gaps, n_again, n_ends;
    struct when first, last;
};

static void on_syn(void *arg, struct tcp_conn *c, enum side side, struct tcp_syn syn,
                   struct when when)
{
    struct seen *seen = arg;
    (void)side, (void)syn, (void)when;
    seen->conn = c;
    *tcp_conn_user(c) = seen;
}

static void on_data(void *arg, struct tcp_conn *c, enum side side, struct bytes data,
                    struct when when)
{
    struct seen *seen = arg;
    (void)data, (void)when;
    seen->conn = c;
    seen->first_data = side;
    seen->n_data++;
}

static void on_gap(void *arg, struct tcp_conn *c, enum side side, uint32_t len, struct when when)
{
    struct seen *seen = arg;
    (void)c, (void)side, (void)len, (void)when;
    seen->n_gaps++;
}

static void on_event(void *arg, struct tcp_conn *c, enum side side, struct when when)
{
    (void)arg, (void)c, (void)side, (void)when;
}

static void on_retransmission(void *arg, struct tcp_conn *c, enum side side, struct when when)
{
    struct seen *seen = arg;
    (void)c, (void)side, (void)when;
    seen->n_again++;
}

static void on_end(void *arg, struct tcp_conn *c, enum tcp_end_reason reason)
{
    struct seen *seen = arg;
    assert_int_equal(reason, TCP_END_CAPTURE);
    seen->at_end[SIDE_CLIENT] = tcp_conn_stats(c, SIDE_CLIENT);
    seen->at_end[SIDE_SERVER] = tcp_conn_stats(c, SIDE_SERVER);
    seen->first = tcp_conn_first(c);
    seen->last = tcp_conn_last(c);
    seen->n_ends++;
}

static struct tcp_table *new_table(struct seen *seen)
{
    struct tcp_sink sink = {
        .arg = seen,
        .syn = on_syn,
        .data = on_data,
        .gap = on_gap,
        .fin = on_event,
        .retransmission = on_retransmission,
        .end = on_end,
    };
    struct tcp_table *t = NULL;
    struct err err;
    assert_int_equal(tcp_table_new(&sink, NULL, &t, &err), ST_OK);
    return t;
}

static void push(struct tcp_table *t, bool by_low, uint8_t flags, uint32_t seq, uint64_t frame)
{
    struct endpoint low = { { 10, 0, 0, 1 }, 40000, 4 };
    struct endpoint high = { { 10, 0, 0, 2 }, 40001, 4 };
    struct packet p = {
        .kind = PACKET_TCP,
        .src = by_low ? low : high,
        .dst = by_low ? high : low,
        .flags = flags,
        .seq = seq,
        .payload = (flags & TCP_SYN) != 0 ? BYTES("") : BYTES("abcd"),
        .payload_len = (flags & TCP_SYN) != 0 ? 0 : 4,
    };
    struct err err;
    assert_int_equal(tcp_push(t, &p, (struct when){ frame, (int64_t)frame * 10 }, &err), ST_OK);
}

static void when_and_user(void **state)
{
    struct seen seen = { 0 };
    struct tcp_table *t = new_table(&seen);
    (void)state;
    push(t, true, TCP_SYN, 1, 5);
    assert_ptr_equal(*tcp_conn_user(seen.conn), &seen);
    push(t, true, 0, 2, 9);
    assert_int_equal(tcp_n_open(t), 1);
    assert_int_equal(tcp_n_streams(t), 1);
    tcp_finish(t);
    assert_int_equal(tcp_n_open(t), 0);
    assert_int_equal(tcp_n_streams(t), 1);
    assert_int_equal(seen.first.frame, 5);
    assert_int_equal(seen.first.at_ns, 50);
    assert_int_equal(seen.last.frame, 9);
    assert_int_equal(seen.last.at_ns, 90);
    tcp_table_free(t);
}

static void swap_sides(void **state)
{
    struct seen seen = { 0 };
    struct tcp_table *t = new_table(&seen);
    (void)state;
    push(t, true, 0, 2, 1); /* no SYN: the higher port is taken for the client */
    assert_int_equal(seen.first_data, SIDE_SERVER);
    assert_true(tcp_conn_client_is_guess(seen.conn));
    tcp_conn_swap(seen.conn);
    assert_false(tcp_conn_client_is_guess(seen.conn));
    push(t, true, 0, 6, 2);
    assert_int_equal(seen.first_data, SIDE_CLIENT);
    struct endpoint storage;
    assert_int_equal(tcp_conn_end(seen.conn, SIDE_CLIENT, &storage)->port, 40000);
    tcp_finish(t);
    assert_int_equal(seen.at_end[SIDE_CLIENT].bytes, 8);
    assert_int_equal(seen.at_end[SIDE_SERVER].packets, 0);
    tcp_table_free(t);
}

static void data_ignored(void **state)
{
    struct seen seen = { 0 };
    struct tcp_table *t = new_table(&seen);
    (void)state;
    push(t, true, TCP_SYN, 1, 1);
    tcp_conn_ignore_data(seen.conn);
    push(t, true, 0, 2, 2);
    push(t, true, 0, 102, 3); /* not kept, not a gap */
    push(t, true, 0, 2, 4);   /* not a retransmission either: it may not have been seen */
    tcp_finish(t);
    assert_int_equal(seen.n_data + seen.n_gaps + seen.n_again, 0);
    assert_int_equal(seen.at_end[SIDE_CLIENT].bytes, 104);
    assert_int_equal(seen.at_end[SIDE_CLIENT].packets, 4);
    tcp_table_free(t);
}

static void freed_without_finish(void **state)
{
    struct seen seen = { 0 };
    struct tcp_table *t = new_table(&seen);
    (void)state;
    push(t, true, TCP_SYN, 1, 1);
    push(t, true, 0, 10, 2); /* waits */
    tcp_table_free(t);
    assert_int_equal(seen.n_data + seen.n_gaps + seen.n_ends, 0);
    tcp_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_and_user),
        cmocka_unit_test(swap_sides),
        cmocka_unit_test(data_ignored),
        cmocka_unit_test(freed_without_finish),
    };
    return cmocka_run_group_tests_name("tcp_facts", tests, NULL, NULL);
}
