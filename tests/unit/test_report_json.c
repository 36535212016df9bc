/* Each line is one JSON object that the schema allows, whatever a peer sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "check_schema.h"
#include "make_transcript.h"
#include "report/report.h"

static const char hostile[] = "\x1b]0;owned\x07\x1b[31m\xff\xfe\"\\\r\n";

/* The line, parsed; fails the test where it is not exactly one line of the schema. */
static json_t *line_of(const struct made *m)
{
    struct text out = { 0 };
    json_error_t error;
    report_json(&out, &m->t, &m->v);
    assert_false(out.failed);
    assert_true(out.len > 0 && out.p[out.len - 1] == '\n');
    assert_ptr_equal(strchr(out.p, '\n'), out.p + out.len - 1);
    for (size_t i = 0; i + 1 < out.len; i++) {
        assert_true((uint8_t)out.p[i] >= 0x20 && out.p[i] != 0x7f);
    }
    json_t *line = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, &error);
    if (line == NULL) {
        fail_msg("%s: %s", error.text, out.p);
    }
    json_t *schema = schema_load();
    const char *wrong = schema_check(schema, schema, line);
    if (wrong != NULL) {
        fail_msg("not what the schema says: %s", wrong);
    }
    json_decref(schema);
    text_deinit(&out);
    return line;
}

static const char *string_at(json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static struct made *full(void)
{
    struct made *m = made_new();
    made_event(m, EVENT_SYN, SIDE_CLIENT);
    made_event(m, EVENT_SYN_ACK, SIDE_SERVER);
    made_hello(m, "app.example");
    made_server_hello(m);
    made_certificate(
        m, SIDE_SERVER,
        &(struct made_name){ .common_name = "app.example", .dns_name = "app.example" });
    return m;
}

static void failed(void **state)
{
    (void)state;
    struct made *m = full();
    struct event *alert = made_alert(m, SIDE_CLIENT, 45);
    made_fail(m, CAUSE_CERTIFICATE_EXPIRED, ACTOR_SERVER, ACTOR_CLIENT);
    made_evidence(m, alert, "The client said so.");
    made_finding(m, "certificate-hostname-mismatch", CAUSE_CERTIFICATE_HOSTNAME_MISMATCH);
    m->v.ruled_out[m->v.n_ruled_out++] =
        (struct ruled_out){ CAUSE_PROTOCOL_MISMATCH, "a version was negotiated" };
    m->v.alternatives[m->v.n_alternatives++] =
        (struct alternative){ CAUSE_CERTIFICATE_REJECTED, NULL, CONFIDENCE_POSSIBLE,
                              "an alert can lie" };
    json_t *line = line_of(m);
    assert_string_equal(string_at(line, "outcome"), "failed");
    assert_string_equal(string_at(line, "cause"), "certificate-expired");
    assert_string_equal(string_at(line, "category"), "certificate");
    assert_string_equal(string_at(line, "party"), "server");
    assert_string_equal(string_at(line, "client"), "192.0.2.10:40000");
    assert_string_equal(string_at(line, "start"), "2026-11-23T12:00:00.000000Z");
    assert_string_equal(string_at(line, "version"), "TLS 1.3");
    assert_string_equal(json_string_value(json_array_get(json_object_get(line, "findings"), 0)),
                        "certificate-hostname-mismatch");
    assert_int_equal(json_array_size(json_object_get(line, "events")), m->t.n_events);
    assert_true(json_array_size(json_object_get(line, "fix")) > 0);
    assert_true(json_number_value(json_object_get(line, "duration_ms")) == 5.0);
    json_t *hello = json_object_get(line, "client_hello");
    assert_int_equal(json_array_size(json_object_get(hello, "cipher_suites")), 4);
    json_t *chain = json_object_get(json_object_get(line, "certificates"), "server");
    assert_int_equal(json_array_size(chain), 1);
    json_decref(line);
    made_free(m);
}

static void completed_is_short(void **state)
{
    (void)state;
    struct made *m = full();
    made_complete(m);
    json_t *line = line_of(m);
    assert_true(json_is_null(json_object_get(line, "cause")));
    assert_true(json_is_null(json_object_get(line, "client_hello")));
    assert_int_equal(json_array_size(json_object_get(line, "events")), 0);
    assert_int_equal(json_array_size(json_object_get(line, "fix")), 0);
    assert_int_equal(json_array_size(json_object_get(line, "alpn_offered")), 2);
    json_decref(line);
    made_finding(m, "abandoned", CAUSE_NONE);
    line = line_of(m);
    assert_true(json_is_object(json_object_get(line, "client_hello")));
    assert_true(json_array_size(json_object_get(line, "events")) > 0);
    json_decref(line);
    made_free(m);
}

static void nothing_but_ends(void **state)
{
    (void)state;
    struct made *m = made_new();
    m->v.outcome = OUTCOME_UNFINISHED;
    m->t.capture = NULL;
    m->t.first.frame = m->t.last.frame = 0;
    m->t.is_dtls = true;
    json_t *line = line_of(m);
    assert_string_equal(string_at(line, "transport"), "udp");
    assert_true(json_is_null(json_object_get(line, "first_frame")));
    assert_true(json_is_null(json_object_get(line, "confidence")));
    json_decref(line);
    made_free(m);
}

static void no_outcome_no_line(void **state)
{
    (void)state;
    struct made *m = made_new();
    struct text out = { 0 };
    report_json(&out, &m->t, &m->v);
    assert_int_equal(out.len, 0);
    made_free(m);
}

static void hostile_strings(void **state)
{
    (void)state;
    struct made *m = made_new();
    made_hello(m, hostile);
    made_certificate(m, SIDE_SERVER, &(struct made_name){ .common_name = "\x1b[31mred\nline" });
    made_event(m, EVENT_PLAINTEXT, SIDE_SERVER)->body = bytes_of(hostile, sizeof hostile - 1);
    made_event(m, EVENT_LIMIT, SIDE_SERVER)->text = hostile;
    made_fail(m, CAUSE_SNI_UNRECOGNIZED, ACTOR_NONE, ACTOR_SERVER);
    m->t.capture = hostile;
    m->t.alpn_selected = bytes_of(hostile, sizeof hostile - 1);
    m->v.sentence = hostile;
    m->v.detail = hostile;
    json_decref(line_of(m));
    made_free(m);
}

static void a_long_ladder_is_cut(void **state)
{
    (void)state;
    struct made *m = made_new();
    for (int i = 0; i < MADE_EVENTS_MAX; i++) {
        made_event(m, EVENT_APPLICATION_DATA, i % 2 == 0 ? SIDE_CLIENT : SIDE_SERVER);
    }
    made_fail(m, CAUSE_CONNECTION_RESET, ACTOR_NONE, ACTOR_SERVER);
    made_evidence(m, &m->events[200], "in the middle");
    json_t *line = line_of(m);
    json_t *events = json_object_get(line, "events");
    assert_int_equal(json_array_size(events), 100 + 1 + 1 + 1 + 50);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(events, 100), "left_out")),
                     100);
    assert_true(json_is_true(json_object_get(json_array_get(events, 101), "is_evidence")));
    json_decref(line);
    made_free(m);
}

static void every_cause_is_in_the_schema(void **state)
{
    (void)state;
    for (size_t c = CAUSE_NONE + 1; c < N_CAUSES; c++) {
        struct made *m = made_new();
        made_fail(m, (enum cause)c, ACTOR_CLIENT, ACTOR_NETWORK);
        json_decref(line_of(m));
        made_free(m);
    }
}

static void times_before_1970_and_backwards(void **state)
{
    (void)state;
    struct made *m = made_new();
    m->t.first.at_ns = -1;
    m->t.last.at_ns = -1 - 1234567;
    m->v.outcome = OUTCOME_UNFINISHED;
    json_t *line = line_of(m);
    assert_true(json_number_value(json_object_get(line, "duration_ms")) == -1.234);
    json_decref(line);
    made_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed),
        cmocka_unit_test(completed_is_short),
        cmocka_unit_test(nothing_but_ends),
        cmocka_unit_test(no_outcome_no_line),
        cmocka_unit_test(hostile_strings),
        cmocka_unit_test(a_long_ladder_is_cut),
        cmocka_unit_test(every_cause_is_in_the_schema),
        cmocka_unit_test(times_before_1970_and_backwards),
    };
    return cmocka_run_group_tests_name("report_json", tests, NULL, NULL);
}
