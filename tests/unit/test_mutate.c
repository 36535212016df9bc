/* Changes of a captured ClientHello: each changes one thing, in the bytes, and nothing else. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/status.h"
#include "probe/mutate.h"
#include "tls/names.h"

#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define RANDOM "abcdefghijklmnopqrstuvwxyz012345"
#define X25519 "01234567890123456789012345678901"

/* TLS 1.2 of an old client: two RSA suites and a signal, two groups, RSA signatures. */
#define OLD                                                                                        \
    "\x03\x03" RANDOM "\x00"                                                                       \
    "\x00\x06\xc0\x2f\x00\x35\x56\x00\x01\x00"                                                     \
    "\x00\x12"                                                                                     \
    "\x00\x0a\x00\x04\x00\x02\x00\x19"                                                             \
    "\x00\x0d\x00\x06\x00\x04\x04\x01\x05\x01"
/* TLS 1.3 and 1.2 of a browser: GREASE everywhere, a name, ALPN, a large share of 20 bytes. */
#define NEW                                                                                        \
    "\x03\x03" RANDOM "\x04sess"                                                                   \
    "\x00\x08\x0a\x0a\x13\x01\xc0\x2b\xc0\x2f\x01\x00"                                             \
    "\x00\x8d"                                                                                     \
    "\x1a\x1a\x00\x00"                                                                             \
    "\x00\x00\x00\x10\x00\x0e\x00\x00\x0b"                                                         \
    "Example.COM"                                                                                  \
    "\x00\x17\x00\x00"                                                                             \
    "\x00\x0a\x00\x08\x00\x06\x3a\x3a\x11\xec\x00\x1d"                                             \
    "\x00\x0d\x00\x06\x00\x04\x04\x03\x08\x04"                                                     \
    "\x00\x10\x00\x05\x00\x03\x02h2"                                                               \
    "\x00\x2b\x00\x07\x06\x2a\x2a\x03\x04\x03\x03"                                                 \
    "\x00\x33\x00\x43\x00\x41\x3a\x3a\x00\x01\x00\x11\xec\x00\x14"                                 \
    "kkkkkkkkkkkkkkkkkkkk"                                                                         \
    "\x00\x1d\x00\x20" X25519
#define V2                                                                                         \
    "\x01\x03\x01\x00\x06\x00\x00\x00\x10"                                                         \
    "\x01\x00\x80\x00\x00\x35"                                                                     \
    "0123456789abcdef"

static const struct bytes old_hello = LIT(OLD);
static const struct bytes new_hello = LIT(NEW);

struct row {
    const char *name;
    const struct bytes *in;
    const char *id;
    uint16_t value;     /* of an extension removed; 0: any */
    const char *change; /* in the words of hello_changes_put(); NULL: the row does not apply */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "name added", &old_hello, "server-name-added", 0, "adds server_name, www.example.com" },
    { "name not there", &old_hello, "server-name-removed", 0, NULL },
    { "name not added", &new_hello, "server-name-added", 0, NULL },
    { "name changed", &new_hello, "server-name-changed", 0,
      "removes Example.COM; adds www.example.com" },
    { "name plain", &new_hello, "server-name-plain", 0, "removes Example.COM; adds example.com" },
    { "name removed", &new_hello, "server-name-removed", 0, "removes server_name, Example.COM" },
    { "fallback", &old_hello, "fallback-removed", 0, "removes TLS_FALLBACK_SCSV" },
    { "no fallback", &new_hello, "fallback-removed", 0, NULL },
    { "EMS added", &old_hello, "extended-master-secret-added", 0, "adds extended_master_secret" },
    { "EMS there", &new_hello, "extended-master-secret-added", 0, NULL },
    { "renegotiation", &old_hello, "renegotiation-info-added", 0,
      "adds TLS_EMPTY_RENEGOTIATION_INFO_SCSV" },
    { "ALPN removed", &new_hello, "alpn-removed", 0,
      "removes application_layer_protocol_negotiation, h2" },
    { "ALPN not there", &old_hello, "alpn-removed", 0, NULL },
    { "groups", &old_hello, "groups-added", 0, "adds x25519, secp256r1, secp384r1 and 10 more" },
    { "signatures same key", &old_hello, "signatures-added", 0,
      "adds rsa_pss_rsae_sha256, rsa_pss_rsae_sha384, rsa_pss_rsae_sha512 and 4 more" },
    { "TLS 1.1 in old", &old_hello, "tls1.1-added", 0, NULL },
    { "TLS 1.1 in new", &new_hello, "tls1.1-added", 0, "adds TLS 1.1" },
    { "TLS 1.3 removed", &new_hello, "tls1.3-removed", 0, "removes TLS 1.3" },
    { "TLS 1.3 not there", &old_hello, "tls1.3-removed", 0, NULL },
    { "no supported_versions", &new_hello, "supported-versions-removed", 0,
      "removes supported_versions, GREASE, TLS 1.3 and 1 more" },
    { "at most 1.1", &old_hello, "at-most-tls1.1", 0, "adds TLS 1.1" },
    { "compatibility id", &new_hello, "compatibility-id-removed", 0, "removes session_id" },
    { "id to resume by", &new_hello, "session-id-removed", 0, NULL },
    { "GREASE suites", &new_hello, "grease-suites-removed", 0, "removes GREASE" },
    { "GREASE extensions", &new_hello, "grease-extensions-removed", 0, "removes GREASE" },
    { "GREASE all", &new_hello, "grease-removed", 0, "removes GREASE, GREASE, GREASE and 2 more" },
    { "no GREASE", &old_hello, "grease-removed", 0, NULL },
    { "post-quantum", &new_hello, "pq-removed", 0,
      "removes X25519MLKEM768, a key share of X25519MLKEM768" },
    { "EMS removed", &new_hello, "extension-removed", 0x0017, "removes extended_master_secret" },
    { "key_share is needed", &new_hello, "extension-removed", 0x0033, NULL },
    { "groups removed", &old_hello, "extension-removed", 0x000a,
      "removes supported_groups, secp521r1" },
    { "not in the range of padding", &new_hello, "padded-to-512", 0, NULL },
    { "record version", &new_hello, "record-version-1.2", 0, "" },
    { "record version same", &new_hello, "record-version-1.0", 0, NULL },
    { "segments", &new_hello, "split-in-segments", 0, "" },
    { "no extensions", &old_hello, "no-extensions", 0,
      "removes extensions, supported_groups, secp521r1 and 3 more" },
};
/* clang-format on */

static const struct mutation_hints hints = { .host = LIT("www.example.com") };

static const struct mutant *find(const struct mutant *mutants, size_t n, const struct row *row)
{
    for (size_t i = 0; i < n; i++) {
        bool is_it = strcmp(mutants[i].row->id, row->id) == 0;
        if (is_it && (row->value == 0 || mutants[i].value == row->value)) {
            return &mutants[i];
        }
    }
    return NULL;
}

static void take(struct bytes body, struct arena *arena, struct mutable_hello *out)
{
    struct hello_carriage carriage = { .record_version = 0x0301 };
    assert_true(mutable_hello_take(body, &carriage, arena, out));
}

static void check_row(void **state)
{
    static struct mutable_hello hello;
    static struct mutant mutants[MUTANTS_MAX];
    const struct row *row = *state;
    struct arena arena = { .limit_bytes = 16 << 20 };
    struct text words = { 0 };
    take(*row->in, &arena, &hello);
    size_t n = mutants_make(&hello, &hints, &arena, mutants);
    const struct mutant *m = find(mutants, n, row);
    assert_int_equal(m != NULL, row->change != NULL);
    if (m != NULL) {
        hello_changes_put(m->changes, 3, &words);
        assert_string_equal(text_str(&words), row->change);
    }
    text_deinit(&words);
    arena_deinit(&arena);
}

/* Every row of the table, on both hellos: parses, and keeps to its parts. */
static void check_all(void **state)
{
    static struct mutable_hello hello;
    static struct mutant mutants[MUTANTS_MAX];
    static struct tls_client_hello parsed;
    const struct bytes *in = *state;
    struct arena arena = { .limit_bytes = 16 << 20 };
    take(*in, &arena, &hello);
    assert_true(bytes_equal(hello_form_put(&hello.form, &arena), *in));
    size_t n = mutants_make(&hello, &hints, &arena, mutants);
    assert_true(n > 20);
    for (size_t i = 0; i < n; i++) {
        struct fault fault = { 0 };
        assert_true(tls_client_hello_parse(mutants[i].body, false, &parsed, &fault));
        assert_int_equal(parsed.ext.fault.kind, FAULT_NONE);
        for (size_t k = 0; k < mutants[i].changes->n; k++) {
            assert_true((mutants[i].row->parts >> mutants[i].changes->list[k].part & 1) != 0);
        }
    }
    arena_deinit(&arena);
}

static void check_mix(void **state)
{
    static struct mutable_hello hello;
    static struct tls_client_hello parsed;
    struct arena arena = { .limit_bytes = 16 << 20 };
    struct mutant all;
    struct mutant one;
    struct fault fault = { 0 };
    (void)state;
    take(new_hello, &arena, &hello);
    assert_true(mutant_mix(&hello, &hints, SHARE_ALL, &arena, &all));
    assert_true(mutant_mix(&hello, &hints, SHARE_SUITES, &arena, &one));
    assert_true(hello_changes_within(one.changes, all.changes));
    assert_false(hello_changes_within(all.changes, one.changes));
    assert_string_equal(one.what, "the cipher suites exchanged");
    assert_true(tls_client_hello_parse(all.body, false, &parsed, &fault));
    assert_int_equal(parsed.ext.fault.kind, FAULT_NONE);
    assert_true(bytes_equal(parsed.ext.server_name, hints.host));
    assert_true(parsed.ext.key_share.len > 64);
    arena_deinit(&arena);
}

static void check_single(void **state)
{
    static struct mutable_hello hello;
    struct arena arena = { .limit_bytes = 16 << 20 };
    struct hello_change item = { .part = PART_SUITE, .is_added = true, .value = 0x1302 };
    struct mutant whole = { .row = &mutations[0] };
    struct mutant single;
    (void)state;
    take(new_hello, &arena, &hello);
    assert_true(mutant_single(&hello, &whole, &item, &arena, &single));
    assert_int_equal(single.changes->n_total, 1);
    assert_string_equal(single.what, "TLS_AES_256_GCM_SHA384 offered too");
    item.value = 0x1301; /* it is offered already */
    assert_false(mutant_single(&hello, &whole, &item, &arena, &single));
    arena_deinit(&arena);
}

static void check_pad(void **state)
{
    static struct mutable_hello hello;
    struct arena arena = { .limit_bytes = 16 << 20 };
    struct mutant padded;
    (void)state;
    take(new_hello, &arena, &hello);
    assert_true(mutant_pad(&hello, new_hello, 1700, &arena, &padded));
    assert_int_equal(padded.body.len, 1700);
    assert_false(mutant_pad(&hello, new_hello, new_hello.len + 3, &arena, &padded));
    assert_true(mutant_pad(&hello, padded.body, 400, &arena, &padded));
    assert_int_equal(padded.body.len, 400);
    arena_deinit(&arena);
}

static void check_strip(void **state)
{
    static struct mutable_hello hello;
    static struct mutable_hello stripped;
    struct arena arena = { .limit_bytes = 16 << 20 };
    struct hello_carriage carriage = { .is_sslv2 = true, .record_version = 0x0301 };
    struct mutant mutant;
    (void)state;
    assert_true(mutable_hello_take(BYTES(V2), &carriage, &arena, &hello));
    assert_true(mutant_needs_strip(&hello));
    assert_true(mutant_strip(&hello, &arena, &stripped, &mutant));
    assert_false(stripped.carriage.is_sslv2);
    assert_int_equal(stripped.form.cipher_suites.len, 2); /* 010080 is SSL 2.0's own */
    struct bytes wire = hello_wire(mutant.body, &mutant.carriage, &arena);
    assert_int_equal(wire.p[0], 22);
    wire = hello_wire(BYTES(V2), &carriage, &arena);
    assert_int_equal(load_be16(wire.p), 0x8000 | (sizeof V2 - 1));
    arena_deinit(&arena);
}

static void check_records(void **state)
{
    struct arena arena = { .limit_bytes = 16 << 20 };
    struct hello_carriage carriage = { .record_version = 0x0303 };
    const uint16_t half = (uint16_t)((new_hello.len + 4) / 2);
    carriage.fragments = &half;
    carriage.n_fragments = 1;
    (void)state;
    struct bytes wire = hello_wire(new_hello, &carriage, &arena);
    size_t first = load_be16(wire.p + 3);
    assert_int_equal(first, (new_hello.len + 4) / 2);
    assert_int_equal(load_be16(wire.p + 5 + first + 1), 0x0303);
    assert_int_equal(wire.len, new_hello.len + 4 + 10);
    arena_deinit(&arena);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 7];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest){ "all of old", check_all, NULL, NULL, (void *)&old_hello };
    tests[n++] = (struct CMUnitTest){ "all of new", check_all, NULL, NULL, (void *)&new_hello };
    tests[n++] = (struct CMUnitTest){ "mix", check_mix, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "single", check_single, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "pad", check_pad, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "strip", check_strip, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "records", check_records, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("mutate", tests, NULL, NULL);
}
