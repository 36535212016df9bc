/* Policies: read, refused, and compared with what a survey found. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/status.h"
#include "probe/policy.h"
#include "probe/policy_baseline.h"

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

struct bad_row {
    const char *name, *text, *says;
};

static const struct bad_row bad_rows[] = {
    { "no such rule", "verzions: TLS 1.3\n", "line 1: 'verzions' is no rule" },
    { "no such version", "# one\n\nversions: TLS 1.3, TLS 1.9\n", "line 3: versions: 'TLS 1.9'" },
    { "no such suite", "cipher-suites: TLS_NONE\n", "'TLS_NONE'" },
    { "no such group", "groups: x25519, x1\n", "'x1'" },
    { "no number", "dh-bits: many\n", "it is a number" },
    { "zero", "certificate-days: 0\n", "it is a number" },
    { "no order", "order: mine\n", "server or client" },
    { "no such feature", "require: speed\n", "no feature" },
    { "no colon", "versions\ntext only\n", "'text only' is no rule" },
};

static void check_bad(void **state)
{
    const struct bad_row *row = *state;
    char path[] = "/tmp/handfast-policy-XXXXXX";
    struct policy *p = NULL;
    struct err err = { 0 };
    write_file(path, row->text);
    assert_int_equal(policy_open(path, &p, &err), ST_USAGE);
    assert_non_null(strstr(err.text, row->says));
    unlink(path);
}

/* A server of TLS 1.2 and 1.3 as Mozilla's "intermediate" wants it. */
static void good_facts(struct survey_facts *f)
{
    static const uint16_t versions[] = { 0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304 };
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        f->versions[i].version = versions[i];
        f->versions[i].answer = i < 4 ? SURVEY_NO : SURVEY_YES;
    }
    f->versions[4].suites = (struct survey_list){ .accepted = { 0xc02b, 0xc02f, 0xcca8 },
                                                  .n_accepted = 3,
                                                  .order = SURVEY_ORDER_CLIENT };
    f->versions[5].suites = (struct survey_list){ .accepted = { 0x1301, 0x1302, 0x1303 },
                                                  .n_accepted = 3,
                                                  .order = SURVEY_ORDER_CLIENT };
    f->groups12 = (struct survey_list){ .accepted = { 0x1d, 0x17 }, .n_accepted = 2 };
    f->groups13 = f->groups12;
    f->compression = SURVEY_NO;
}

struct row {
    const char *name, *policy;
    void (*spoil)(struct survey_facts *f); /* NULL: as it is */
    const char *rule, *item;               /* NULL: nothing is violated */
    size_t n;
};

static void spoil_version(struct survey_facts *f)
{
    f->versions[3].answer = SURVEY_YES;
}
static void spoil_required(struct survey_facts *f)
{
    f->versions[5].answer = SURVEY_NO;
}
static void spoil_uncertain(struct survey_facts *f)
{
    f->versions[5].answer = SURVEY_UNCERTAIN;
}
static void spoil_suite(struct survey_facts *f)
{
    f->versions[4].suites.accepted[2] = 0x002f;
}
static void spoil_group(struct survey_facts *f)
{
    f->groups12.accepted[1] = 0x19;
    f->groups13.accepted[1] = 0x19;
}
static void spoil_order(struct survey_facts *f)
{
    f->versions[4].suites.order = SURVEY_ORDER_SERVER;
}
static void spoil_dh(struct survey_facts *f)
{
    f->dh_bits = 1024;
}
static void spoil_compression(struct survey_facts *f)
{
    f->compression = SURVEY_YES;
}

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "kept", "intermediate", NULL, NULL, NULL, 0 },
    { "a version too many", "intermediate", spoil_version, "versions", "TLS 1.1", 1 },
    { "a version missing", "intermediate", spoil_required, "required-versions", "TLS 1.3", 1 },
    { "uncertain is none", "intermediate", spoil_uncertain, NULL, NULL, 0 },
    { "a suite too many", "intermediate", spoil_suite, "cipher-suites",
      "TLS_RSA_WITH_AES_128_CBC_SHA", 1 },
    { "a group, once", "intermediate", spoil_group, "groups", "secp521r1", 1 },
    { "order", "intermediate", spoil_order, "order", "TLS 1.2", 1 },
    { "DH", "intermediate", spoil_dh, "dh-bits", "1024 bits", 1 },
    { "compression", "intermediate", spoil_compression, "forbid", "compression", 1 },
    { "modern", "modern", NULL, "versions", "TLS 1.2", 4 },
    { "old wants 1.0", "old", NULL, "required-versions", "TLS 1.0", 4 },
};
/* clang-format on */

static void check_row(void **state)
{
    static struct survey_facts facts;
    static struct policy_result result;
    const struct row *row = *state;
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct policy *p = NULL;
    assert_int_equal(policy_open(row->policy, &p, NULL), ST_OK);
    good_facts(&facts);
    if (row->spoil != NULL) {
        row->spoil(&facts);
    }
    policy_judge(p, &facts, &arena, &result);
    assert_int_equal(result.n, row->n);
    if (row->n > 0) {
        assert_string_equal(result.list[0].rule, row->rule);
        assert_string_equal(result.list[0].item, row->item);
    }
    policy_free(p);
    arena_deinit(&arena);
}

static void check_baseline(void **state)
{
    char path[] = "/tmp/handfast-baseline-XXXXXX";
    struct baseline *b = NULL;
    struct err err = { 0 };
    (void)state;
    write_file(path, "{\"target\":\"a\",\"findings\":[{\"id\":\"x\"},{\"id\":\"z\",\"cause\":\"c\"}"
                     "],\"policy\":{\"violations\":"
                     "[{\"rule\":\"versions\",\"item\":\"TLS 1.0\"}]}}\n\n{\"type\":\"other\"}\n");
    assert_int_equal(baseline_open(path, &b, &err), ST_OK);
    assert_true(baseline_has_finding(b, "a", "x", NULL));
    assert_false(baseline_has_finding(b, "a", "y", NULL));
    assert_false(baseline_has_finding(b, "b", "x", NULL));
    assert_true(baseline_has_finding(b, "a", "z", "c"));
    assert_false(baseline_has_finding(b, "a", "z", "d"));
    assert_false(baseline_has_finding(b, "a", "z", NULL));
    assert_true(baseline_has_violation(b, "a", "versions", "TLS 1.0"));
    assert_false(baseline_has_violation(b, "a", "versions", "TLS 1.1"));
    baseline_free(b);
    unlink(path);
    char broken[] = "/tmp/handfast-baseline-XXXXXX";
    write_file(broken, "{\"target\":\"a\"}\n{\"target\":\n");
    assert_int_equal(baseline_open(broken, &b, &err), ST_USAGE);
    assert_non_null(strstr(err.text, "line 2"));
    unlink(broken);
}

static void check_names(void **state)
{
    char path[] = "/tmp/handfast-policy-XXXXXX";
    struct policy *p = NULL;
    struct err err = { 0 };
    (void)state;
    write_file(path, "cipher-suites: ECDHE-RSA-AES128-GCM-SHA256 # OpenSSL's name\r\n"
                     "  groups :  X25519 ,secp256r1,\n");
    assert_int_equal(policy_open(path, &p, &err), ST_OK);
    policy_free(p);
    unlink(path);
    assert_int_equal(policy_open("/nonexistent/policy", &p, &err), ST_USAGE);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(bad_rows) + 2];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ bad_rows[i].name, check_bad, NULL, NULL, (void *)&bad_rows[i] };
    }
    tests[n++] = (struct CMUnitTest){ "baseline", check_baseline, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "names", check_names, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
