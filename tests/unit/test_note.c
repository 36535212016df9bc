/* Notes: bounded, and read back as they were written, whatever bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/story.h"

static const uint8_t key[NOTE_KEY_BYTES] = "0123456789abcdef";
static const struct bytes nothing = { NULL, 0 };

static void put(struct note *n, uint8_t kind, uint8_t type, struct bytes body)
{
    struct note_entry e = { .kind = kind, .type = type, .at_ns = 1700000000000000000 };
    assert_true(note_put(n, &e, body, nothing));
}

static void comes_back(void **state)
{
    (void)state;
    struct note n = { 0 };
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct story s;
    put(&n, NOTE_FACT, FACT_PROGRAM, BYTES("/usr/bin/curl"));
    put(&n, NOTE_FACT, FACT_SECURITY_LEVEL, BYTES("\0\0\0\0\0\0\0\2"));
    put(&n, NOTE_FACT, FACT_PEER, BYTES("\x04\x01\xbb\xc0\x00\x02\x07"));
    assert_true(note_seal(&n, key, 77, false));
    assert_true(story_open(bytes_of(n.p, n.len), key, &arena, &s));
    assert_string_equal(s.program, "/usr/bin/curl");
    assert_int_equal(s.local.security_level, 2);
    assert_int_equal(s.local.pid, 77);
    assert_int_equal(s.ends[SIDE_SERVER].family, 4);
    assert_int_equal(s.ends[SIDE_SERVER].port, 443);
    note_deinit(&n);
    arena_deinit(&arena);
}

static void foreign_key_is_no_note(void **state)
{
    (void)state;
    static const uint8_t other[NOTE_KEY_BYTES] = "0123456789abcdeF";
    struct note n = { 0 };
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct story s;
    put(&n, NOTE_DATA, 0, nothing);
    assert_true(note_seal(&n, key, 1, true));
    assert_false(story_open(bytes_of(n.p, n.len), other, &arena, &s));
    assert_false(story_open(bytes_of(n.p, NOTE_HEAD_BYTES - 1), key, &arena, &s));
    note_deinit(&n);
    arena_deinit(&arena);
}

static void empty_note_has_no_head(void **state)
{
    (void)state;
    struct note n = { 0 };
    assert_false(note_seal(&n, key, 1, true));
    note_deinit(&n);
}

/* Messages stop at their limit, what ends a connection still fits, and the limit is said once. */
static void is_bounded(void **state)
{
    (void)state;
    static uint8_t big[40 * 1024];
    struct note n = { 0 };
    struct note_entry message = { .kind = NOTE_MESSAGE, .type = 11 };
    struct note_entry fact = { .kind = NOTE_FACT, .type = FACT_ANCHOR };
    for (int i = 0; i < 8; i++) {
        note_put(&n, &message, bytes_of(big, sizeof big), nothing);
    }
    assert_true(n.is_full);
    assert_true(n.len <= NOTE_LOG_BYTES + NOTE_ENTRY_BYTES);
    assert_true(note_put(&n, &fact, bytes_of(big, sizeof big), nothing));
    for (int i = 0; i < 8; i++) {
        note_put(&n, &fact, bytes_of(big, sizeof big), nothing);
    }
    assert_true(n.len <= NOTE_LIMIT_BYTES);
    struct bytes rest = bytes_skip(bytes_of(n.p, n.len), NOTE_HEAD_BYTES);
    struct story_entry e;
    unsigned n_limits = 0;
    while (story_next(&rest, &e)) {
        n_limits += e.head.kind == NOTE_LIMIT;
    }
    assert_int_equal(n_limits, 1);
    assert_int_equal(rest.len, 0);
    note_deinit(&n);
}

/* Cut anywhere it is read up to there. */
static void cut_anywhere(void **state)
{
    (void)state;
    struct note n = { 0 };
    put(&n, NOTE_MESSAGE, 1, BYTES("hello"));
    put(&n, NOTE_FACT, FACT_PROGRAM, BYTES("curl"));
    put(&n, NOTE_END, NOTE_END_FREED, BYTES("\0\0\0\0"));
    assert_true(note_seal(&n, key, 1, false));
    for (size_t len = 0; len <= n.len; len++) {
        struct arena arena = { .limit_bytes = 1 << 20 };
        struct x509_store *store = NULL;
        struct story s;
        struct story_told told;
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        assert_true(bytes_copy(copy, len + 1, bytes_of(n.p, len)));
        assert_int_equal(x509_store_new(&store, NULL), ST_OK);
        if (story_open(bytes_of(copy, len), key, &arena, &s)) {
            assert_true(story_tell(&s, &arena, store, &told));
            assert_true(told.t->n_events <= 2);
        }
        x509_store_free(store);
        free(copy);
        arena_deinit(&arena);
    }
    note_deinit(&n);
}

/* The entry of this number, from 0. */
static struct story_entry entry(const struct note *n, unsigned i)
{
    struct bytes rest = bytes_skip(bytes_of(n->p, n->len), NOTE_HEAD_BYTES);
    struct story_entry e = { 0 };
    for (unsigned at = 0; at <= i; at++) {
        assert_true(story_next(&rest, &e));
    }
    return e;
}

/* A handshake of a server: hello, certificate, CertificateVerify, Finished of both sides. */
static void put_handshake(struct note *n, struct bytes certificate)
{
    static const uint8_t verify[8] = { 8, 4, 0, 4, 's', 'i', 'g', 'n' };
    struct note_entry hello = { .kind = NOTE_MESSAGE, .type = 1, .from_peer = 1, .at_ns = 7 };
    assert_true(note_put(n, &hello, BYTES("hello"), nothing));
    put(n, NOTE_MESSAGE, 11, certificate);
    put(n, NOTE_MESSAGE, 15, bytes_of(verify, sizeof verify));
    put(n, NOTE_MESSAGE, 20, BYTES("finished"));
    put(n, NOTE_DONE, 0, BYTES("\0\0\0\0"));
}

static void compact_is_small_and_comes_back(void **state)
{
    (void)state;
    static uint8_t certificate[3000];
    struct note n[2] = { { 0 }, { 0 } };
    for (size_t i = 0; i < sizeof certificate; i++) {
        certificate[i] = (uint8_t)i;
    }
    struct bytes body = bytes_of(certificate, sizeof certificate);
    for (int i = 0; i < 2; i++) {
        put_handshake(&n[i], body);
        note_compact(&n[i]);
        assert_true(n[i].cap < 256);
        put(&n[i], NOTE_ALERT, 48, nothing);
        assert_true(note_seal(&n[i], key, 5, true));
        assert_true(bytes_equal(entry(&n[i], 0).body, BYTES("hello")));
        assert_int_equal(entry(&n[i], 0).head.at_ns, 7);
        assert_true(bytes_equal(entry(&n[i], 1).body, body));
        assert_int_equal(entry(&n[i], 1).head.level, 0);
        assert_true(bytes_equal(entry(&n[i], 2).body, bytes_of("\x08\x04\0\0", 4)));
        assert_int_equal(entry(&n[i], 3).body.len, 0);
        assert_int_equal(entry(&n[i], 4).head.kind, NOTE_DONE);
        assert_int_equal(entry(&n[i], 5).head.kind, NOTE_ALERT);
    }
    note_deinit(&n[0]);
    note_deinit(&n[1]);
}

/* The peer's certificate is the peer's: it is kept as it came. Before TLS 1.2 a CertificateVerify
 * is a length and a signature. */
static void compact_keeps_the_peers(void **state)
{
    (void)state;
    struct note n = { 0 };
    struct note_entry theirs = { .kind = NOTE_MESSAGE, .type = 11, .from_peer = 1 };
    assert_true(note_put(&n, &theirs, BYTES("their certificate"), nothing));
    put(&n, NOTE_MESSAGE, 15, bytes_of("\0\4sign", 6));
    note_compact(&n);
    assert_true(bytes_equal(entry(&n, 0).body, BYTES("their certificate")));
    assert_true(bytes_equal(entry(&n, 1).body, bytes_of("\0\4sign", 6)));
    note_deinit(&n);
}

/* What is hidden counts: whole again it is no longer than any other. */
static void compact_is_bounded(void **state)
{
    (void)state;
    static uint8_t big[15 * 1024];
    struct note n = { 0 };
    struct note_entry fact = { .kind = NOTE_FACT, .type = FACT_ANCHOR };
    for (int i = 0; i < 6; i++) {
        put(&n, NOTE_MESSAGE, 11, bytes_of(big, sizeof big));
    }
    note_compact(&n);
    assert_true(n.len < 1024);
    for (int i = 0; i < 20; i++) {
        note_put(&n, &fact, bytes_of(big, sizeof big), nothing);
    }
    assert_true(note_seal(&n, key, 1, true));
    assert_true(n.len <= NOTE_LIMIT_BYTES);
    note_deinit(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(foreign_key_is_no_note),
        cmocka_unit_test(empty_note_has_no_head),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(compact_is_small_and_comes_back),
        cmocka_unit_test(compact_keeps_the_peers),
        cmocka_unit_test(compact_is_bounded),
    };
    return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
