/* Counts, their order, and the bound on what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "check_schema.h"
#include "make_transcript.h"
#include "report/report.h"
#include "report/tally.h"

static void expect(const struct text *out, const char *words)
{
    if (strstr(text_str(out), words) == NULL) {
        fail_msg("lacks \"%s\":\n%s", words, text_str(out));
    }
}

static struct summary *example(void)
{
    struct summary *s = summary_new();
    struct made *m = made_new();
    assert_non_null(s);
    summary_add(s, &m->t, &m->v); /* no verdict: not a handshake */
    made_complete(m);
    summary_add(s, &m->t, &m->v);
    made_finding(m, "abandoned", CAUSE_NONE);
    summary_add(s, &m->t, &m->v);
    m->v.n_findings = 0;
    made_fail(m, CAUSE_CERTIFICATE_EXPIRED, ACTOR_SERVER, ACTOR_CLIENT);
    m->t.server_name = "\x1b[31mapp";
    summary_add(s, &m->t, &m->v);
    summary_add(s, &m->t, &m->v);
    made_fail(m, CAUSE_PROTOCOL_MISMATCH, ACTOR_NONE, ACTOR_SERVER);
    m->t.server.port = 8443;
    summary_add(s, &m->t, &m->v);
    m->v.outcome = OUTCOME_UNFINISHED;
    summary_add(s, &m->t, &m->v);
    made_free(m);
    return s;
}

static void counts(void **state)
{
    (void)state;
    struct summary *s = example();
    assert_int_equal(summary_n_handshakes(s), 6);
    assert_int_equal(summary_n_failed(s), 3);
    assert_int_equal(summary_n_findings(s), 1);
    summary_free(s);
    summary_free(NULL);
}

static void text_is_safe_and_sorted(void **state)
{
    (void)state;
    struct summary *s = example();
    struct text out = { 0 };
    summary_text(&out, s, &(struct report_style){ 0 });
    if (getenv("SHOW") != NULL) {
        fputs(text_str(&out), stderr);
    }
    expect(&out, "Summary  6 handshakes: 2 completed, 3 failed, 1 unfinished; 1 with findings\n");
    expect(&out, "          2  certificate-expired ");
    expect(&out, "          2  198.51.100.20:443 ");
    expect(&out, "\\x1b[31mapp");
    assert_true(strstr(out.p, "certificate-expired") < strstr(out.p, "protocol-mismatch"));
    assert_null(strchr(out.p, 0x1b));
    text_deinit(&out);
    summary_free(s);
}

static void json_is_what_the_schema_says(void **state)
{
    (void)state;
    struct summary *s = example();
    struct text out = { 0 };
    json_error_t error;
    summary_json(&out, s);
    json_t *line = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(line);
    json_t *schema = schema_load();
    const char *wrong =
        schema_check(schema, json_object_get(json_object_get(schema, "$defs"), "summary"), line);
    if (wrong != NULL) {
        fail_msg("not what the schema says: %s", wrong);
    }
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(line, "causes"), "certificate-expired")),
        2);
    json_decref(schema);
    json_decref(line);
    text_deinit(&out);
    summary_free(s);
}

static void a_tally_is_bounded(void **state)
{
    struct tally t = { 0 };
    const struct tally_entry *top[3];
    char name[32];
    (void)state;
    for (int i = 0; i < TALLY_MAX + 100; i++) {
        snprintf(name, sizeof name, "name-%d", i);
        tally_add(&t, bytes_of_str(name), i % 2 == 0, "undetermined");
    }
    tally_add(&t, BYTES("name-7"), true, "undetermined");
    tally_add(&t, BYTES("name-8"), true, "undetermined");
    assert_int_equal(t.n_names, TALLY_MAX);
    assert_int_equal(t.others.n, 100);
    assert_int_equal(t.others.n_failed, 50);
    assert_int_equal(tally_top(&t, top, 3), 3);
    assert_string_equal(top[0]->name, "name-8");
    assert_string_equal(top[1]->name, "name-7");
    tally_deinit(&t);
    assert_int_equal(tally_top(&t, top, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(text_is_safe_and_sorted),
        cmocka_unit_test(json_is_what_the_schema_says),
        cmocka_unit_test(a_tally_is_bounded),
    };
    return cmocka_run_group_tests_name("report_summary", tests, NULL, NULL);
}
