#include "tls/keylog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define R1  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define R2  "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define S32 "0101010101010101010101010101010101010101010101010101010101010101"
#define S48                                                                                        \
    "02020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202" \
    "020a"
#define S64    S32 S32
#define LABELS "CLIENT_HANDSHAKE_TRAFFIC_SECRET " R1 " " S32 "\n"

struct row {
    const char *name;
    const char *text;
    size_t n_entries, n_bad;
    enum keylog_label label;
    size_t secret_len; /* of R1 under `label`; 0: not found */
};

/* clang-format off */
static const struct row rows[] = {
    { "empty",                    "",                                                0, 0, KEYLOG_CLIENT_RANDOM, 0 },
    { "master secret",            "CLIENT_RANDOM " R1 " " S48 "\n",                  1, 0, KEYLOG_CLIENT_RANDOM, 48 },
    { "no newline at the end",    "CLIENT_RANDOM " R1 " " S48,                       1, 0, KEYLOG_CLIENT_RANDOM, 48 },
    { "CRLF",                     "CLIENT_RANDOM " R1 " " S48 "\r\n",                1, 0, KEYLOG_CLIENT_RANDOM, 48 },
    { "client handshake",         LABELS,                                            1, 0, KEYLOG_CLIENT_HANDSHAKE, 32 },
    { "server handshake",         "SERVER_HANDSHAKE_TRAFFIC_SECRET " R1 " " S48 "\n", 1, 0, KEYLOG_SERVER_HANDSHAKE, 48 },
    { "client application",       "CLIENT_TRAFFIC_SECRET_0 " R1 " " S48 "\n",        1, 0, KEYLOG_CLIENT_TRAFFIC_0, 48 },
    { "server application",       "SERVER_TRAFFIC_SECRET_0 " R1 " " S32 "\n",        1, 0, KEYLOG_SERVER_TRAFFIC_0, 32 },
    { "early data",               "CLIENT_EARLY_TRAFFIC_SECRET " R1 " " S32 "\n",    1, 0, KEYLOG_CLIENT_EARLY, 32 },
    { "64 bytes",                 "CLIENT_EARLY_TRAFFIC_SECRET " R1 " " S64 "\n",    1, 0, KEYLOG_CLIENT_EARLY, 64 },
    { "capital letters",          "CLIENT_RANDOM 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF " S48 "\n", 1, 0, KEYLOG_CLIENT_RANDOM, 48 },
    { "comments and blanks",      "# SSL/TLS secrets\n\n \n" LABELS "#x\n",          1, 0, KEYLOG_CLIENT_HANDSHAKE, 32 },
    { "known and of no use",      "EXPORTER_SECRET " R1 " " S32 "\nRSA 00 11\n" LABELS, 1, 0, KEYLOG_CLIENT_HANDSHAKE, 32 },
    { "the later one wins",       "CLIENT_EARLY_TRAFFIC_SECRET " R1 " " S64 "\nCLIENT_EARLY_TRAFFIC_SECRET " R1 " " S32 "\n", 1, 0, KEYLOG_CLIENT_EARLY, 32 },
    { "another connection",       "CLIENT_RANDOM " R2 " " S48 "\n",                  1, 0, KEYLOG_CLIENT_RANDOM, 0 },
    { "another label",            LABELS,                                            1, 0, KEYLOG_SERVER_HANDSHAKE, 0 },
    { "unknown label",            "CLIENT_FOO " R1 " " S48 "\n",                     0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "label alone",              "CLIENT_RANDOM\n",                                 0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "random too short",         "CLIENT_RANDOM 0011 " S48 "\n",                    0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "random too long",          "CLIENT_RANDOM " R1 "00 " S48 "\n",                0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "random not hex",           "CLIENT_RANDOM g" R1 " " S48 "\n",                 0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "no secret",                "CLIENT_RANDOM " R1 "\n",                          0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "odd digits",               "CLIENT_RANDOM " R1 " " S48 "0\n",                 0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "master secret too short",  "CLIENT_RANDOM " R1 " " S32 "\n",                  0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "traffic secret too short", "CLIENT_EARLY_TRAFFIC_SECRET " R1 " 0011\n",       0, 1, KEYLOG_CLIENT_EARLY, 0 },
    { "traffic secret too long",  "CLIENT_EARLY_TRAFFIC_SECRET " R1 " " S64 "00\n",  0, 1, KEYLOG_CLIENT_EARLY, 0 },
    { "a word too many",          "CLIENT_RANDOM " R1 " " S48 " x\n",                0, 1, KEYLOG_CLIENT_RANDOM, 0 },
    { "garbage, then good",       "\x01\x02\xff garbage\n" LABELS,                   1, 1, KEYLOG_CLIENT_HANDSHAKE, 32 },
};
/* clang-format on */

static struct bytes random_of(const char *hex, uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++) {
        char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return bytes_of(out, 32);
}

static void check_content(const struct keylog *k, const struct row *row)
{
    uint8_t random[32];
    struct bytes found = keylog_find(k, random_of(R1, random), row->label);
    assert_int_equal(keylog_n_entries(k), row->n_entries);
    assert_int_equal(keylog_n_bad_lines(k), row->n_bad);
    assert_int_equal(keylog_n_dropped(k), 0);
    assert_int_equal(found.len, row->secret_len);
    if (row->secret_len > 0) {
        assert_true(keylog_has(k, bytes_of(random, 32)));
        assert_true(found.p[0] == 1 || found.p[0] == 2);
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct keylog *k = NULL;
    assert_int_equal(keylog_new(&k, NULL), ST_OK);
    assert_int_equal(keylog_add(k, bytes_of_str(row->text), NULL), ST_OK);
    check_content(k, row);
    keylog_free(k);
}

/* The same from a file, behind a comment so long that it spans reads. */
static void check_file(void **state)
{
    const struct row *row = *state;
    char path[] = "/tmp/test_keylog.XXXXXX";
    struct keylog *k = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    for (size_t i = 0; i < 200000; i++) {
        (void)fputc('#', f);
    }
    (void)fprintf(f, "\n%s", row->text);
    (void)fclose(f);
    assert_int_equal(keylog_new(&k, NULL), ST_OK);
    assert_int_equal(keylog_add_file(k, path, NULL), ST_OK);
    check_content(k, row);
    keylog_free(k);
    (void)unlink(path);
}

static void many(void **state)
{
    (void)state;
    struct keylog *k = NULL;
    uint8_t random[32];
    char line[256];
    char hex[65];
    assert_int_equal(keylog_new(&k, NULL), ST_OK);
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(hex, sizeof hex, "%08x%s", i, &R1[8]);
        int len = snprintf(line, sizeof line, "CLIENT_RANDOM %s %08x%s\n", hex, i, &S48[8]);
        assert_int_equal(keylog_add(k, bytes_of(line, (size_t)len), NULL), ST_OK);
    }
    assert_int_equal(keylog_n_entries(k), 5000);
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(hex, sizeof hex, "%08x%s", i, &R1[8]);
        struct bytes found = keylog_find(k, random_of(hex, random), KEYLOG_CLIENT_RANDOM);
        assert_int_equal(found.len, 48);
        assert_int_equal(load_be32(found.p), i);
    }
    keylog_free(k);
}

static void no_such_file(void **state)
{
    (void)state;
    struct keylog *k = NULL;
    struct err err = { 0 };
    assert_int_equal(keylog_new(&k, NULL), ST_OK);
    assert_int_equal(keylog_add_file(k, "/nonexistent/keylog", &err), ST_IO);
    assert_non_null(strstr(err.text, "/nonexistent/keylog"));
    assert_int_equal(keylog_add_file(k, "/", &err), ST_IO);
    keylog_free(k);
    keylog_free(NULL);
}

static void random_of_wrong_length(void **state)
{
    (void)state;
    struct keylog *k = NULL;
    assert_int_equal(keylog_new(&k, NULL), ST_OK);
    assert_int_equal(keylog_add(k, bytes_of_str(LABELS), NULL), ST_OK);
    assert_int_equal(keylog_find(k, BYTES("abc"), KEYLOG_CLIENT_HANDSHAKE).len, 0);
    assert_false(keylog_has(k, (struct bytes){ NULL, 0 }));
    keylog_free(k);
}

int main(void)
{
    enum { N = ARRAY_LEN(rows), N_BOTH = 2 * N };
    struct CMUnitTest tests[N_BOTH + 3];
    for (size_t i = 0; i < N; i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
        tests[N + i] =
            (struct CMUnitTest){ rows[i].name, check_file, NULL, NULL, (void *)&rows[i] };
    }
    tests[N_BOTH] = (struct CMUnitTest)cmocka_unit_test(many);
    tests[N_BOTH + 1] = (struct CMUnitTest)cmocka_unit_test(no_such_file);
    tests[N_BOTH + 2] = (struct CMUnitTest)cmocka_unit_test(random_of_wrong_length);
    return cmocka_run_group_tests_name("keylog", tests, NULL, NULL);
}
