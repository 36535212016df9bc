/* What people read: nothing raw from the wire, no line too wide, the essentials in their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "make_transcript.h"
#include "report/report.h"
#include "report/wrap.h"

static void show(const struct text *out)
{
    if (getenv("SHOW") != NULL) {
        fputs(text_str(out), stderr);
    }
}

static struct text print(const struct made *m, const struct report_style *style)
{
    struct text out = { 0 };
    report_text(&out, &m->t, &m->v, style);
    assert_false(out.failed);
    show(&out);
    return out;
}

static void expect(const struct text *out, const char *words)
{
    if (strstr(text_str(out), words) == NULL) {
        fail_msg("lacks \"%s\":\n%s", words, text_str(out));
    }
}

static void expect_not(const struct text *out, const char *words)
{
    if (strstr(text_str(out), words) != NULL) {
        fail_msg("has \"%s\":\n%s", words, text_str(out));
    }
}

static struct made *expired(void)
{
    struct made *m = made_new();
    m->t.stream = 3;
    made_event(m, EVENT_SYN, SIDE_CLIENT);
    made_event(m, EVENT_SYN_ACK, SIDE_SERVER);
    made_hello(m, "app.example");
    made_server_hello(m);
    made_certificate(m, SIDE_SERVER,
                     &(struct made_name){ .common_name = "app.example",
                                          .dns_name = "app.example",
                                          .not_after_s = INT64_C(1795176000),
                                          .is_other_issuer = true });
    struct event *alert = made_alert(m, SIDE_CLIENT, 45);
    made_event(m, EVENT_FIN, SIDE_CLIENT);
    made_fail(m, CAUSE_CERTIFICATE_EXPIRED, ACTOR_SERVER, ACTOR_CLIENT);
    m->v.sentence = "The server's certificate CN=app.example expired on 2026-11-20, 3 days before.";
    made_evidence(m, m->t.side[SIDE_SERVER].certificate_event, "valid until 2026-11-20");
    made_evidence(m, alert, "the client says certificate_expired");
    m->v.ruled_out[m->v.n_ruled_out++] =
        (struct ruled_out){ CAUSE_PROTOCOL_MISMATCH, "TLS 1.3 was negotiated" };
    m->v.alternatives[m->v.n_alternatives++] =
        (struct alternative){ CAUSE_CERTIFICATE_UNTRUSTED_CA, NULL, CONFIDENCE_POSSIBLE,
                              "the trust store of the client is not known" };
    return m;
}

static void failed_has_all_parts(void **state)
{
    struct made *m = expired();
    struct text out = print(m, &(struct report_style){ .width = 100 });
    (void)state;
    expect(&out, "stream 3  192.0.2.10:40000 -> 198.51.100.20:443  app.example  "
                 "2026-11-23T12:00:00.000Z\n");
    expect(&out, "  FAILED  certificate-expired (certain)\n");
    expect(&out, "Ended by the client 192.0.2.10. It is about the server's certificate.");
    expect(&out, "ClientHello               TLS 1.2 to TLS 1.3, sni app.example, alpn h2");
    expect(&out, "TLS 1.3, TLS_AES_128_GCM_SHA256, x25519");
    expect(&out,
           " *     5      4.000    <-- S Certificate               CN=app.example, issued by");
    expect(&out, " *     6      5.000  C -->   Alert certificate_expired fatal");
    expect(&out, "Evidence\n    - frame 5, server's Certificate: valid until 2026-11-20\n");
    expect(&out, "Ruled out\n    - protocol-mismatch: TLS 1.3 was negotiated\n");
    expect(&out, "Could also be\n    - certificate-untrusted-ca (possible): ");
    expect(&out,
           "To fix\n    1. On the server: renew CN=app.example: it was valid until 2026-11-20");
    expect(&out, "nginx      ssl_certificate /path/fullchain.pem;");
    expect_not(&out, "\x1b");
    text_deinit(&out);
    made_free(m);
}

static void the_gateway_is_named(void **state)
{
    struct made *m = made_new();
    (void)state;
    made_hello(m, NULL);
    struct event *alert = made_alert(m, SIDE_SERVER, 40);
    made_fail(m, CAUSE_SNI_MISSING, ACTOR_NONE, ACTOR_SERVER);
    m->v.direction = DIRECTION_SOUTHBOUND;
    made_evidence(m, alert, "the server says handshake_failure");
    struct text out = print(m, &(struct report_style){ .width = 80 });
    expect(&out, "Southbound: gateway to backend.");
    expect(&out, "On the gateway (Message Processor): send the server's name");
    expect(&out, "conf_system_jsse.enableSNIExtension=true");
    text_deinit(&out);
    made_free(m);
}

static void completed_is_brief(void **state)
{
    struct made *m = made_new();
    (void)state;
    made_hello(m, "app.example");
    made_server_hello(m);
    made_complete(m);
    struct text out = print(m, &(struct report_style){ 0 });
    expect(&out, "  COMPLETED (certain)\n  TLS 1.3, TLS_AES_128_GCM_SHA256, x25519\n");
    expect_not(&out, "To fix");
    made_finding(m, "abandoned", CAUSE_NONE);
    struct text more = print(m, &(struct report_style){ 0 });
    expect(&more, "Also noticed\n    - abandoned (server): It was noticed.\n");
    text_deinit(&out);
    text_deinit(&more);
    made_free(m);
}

static void unfinished_has_a_short_ladder(void **state)
{
    struct made *m = made_new();
    (void)state;
    for (int i = 0; i < 40; i++) {
        made_event(m, EVENT_APPLICATION_DATA, i % 2 == 0 ? SIDE_CLIENT : SIDE_SERVER)->len = 10;
    }
    m->v.outcome = OUTCOME_UNFINISHED;
    m->v.sentence = "The capture starts after the handshake.";
    struct text out = print(m, &(struct report_style){ 0 });
    expect(&out, "UNFINISHED\n  The capture starts after the handshake.\n");
    expect(&out, "... 32 rows left out\n");
    text_deinit(&out);
    made_free(m);
}

static void repeats_are_one_row(void **state)
{
    struct made *m = made_new();
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct event *e = made_event(m, EVENT_SYN, SIDE_CLIENT);
        e->flags = i > 0 ? EVENT_REPEAT : 0;
        e->when.at_ns += i * INT64_C(1000000000);
        e->last = e->when;
    }
    made_fail(m, CAUSE_CONNECTION_TIMEOUT, ACTOR_NONE, ACTOR_CLIENT);
    struct text out = print(m, &(struct report_style){ 0 });
    expect(&out, "SYN                       4 times in 3.003 s\n");
    text_deinit(&out);
    made_free(m);
}

/* --- hostile strings never reach the terminal raw --- */

static bool is_raw(uint8_t c)
{
    return (c < 0x20 && c != '\n') || c >= 0x7f;
}

static void check_safe(const struct text *out)
{
    for (size_t i = 0; i < out->len; i++) {
        assert_false(is_raw((uint8_t)out->p[i]));
    }
}

static const char hostile[] = "\x1b]0;x\x07\x1b[2J\x9b\xc2\x9b\xe2\x80\xae\xff\r\n\x08q";

static const char hostile_utf8[] = "\x1b]0;x\x07\x1b[2J\xc2\x9b\xe2\x80\xae\r\n\x08q";

static void hostile_strings_are_made_safe(void **state)
{
    (void)state;
    for (enum outcome o = OUTCOME_COMPLETED; o <= OUTCOME_UNFINISHED; o++) {
        struct made *m = made_new();
        made_hello(m, hostile);
        made_server_hello(m);
        made_certificate(
            m, SIDE_SERVER,
            &(struct made_name){ .common_name = hostile_utf8, .is_other_issuer = true });
        made_event(m, EVENT_PLAINTEXT, SIDE_SERVER)->body = bytes_of(hostile, sizeof hostile);
        struct event *e = made_event(m, EVENT_LIMIT, SIDE_CLIENT);
        e->text = hostile;
        made_fail(m, CAUSE_CERTIFICATE_REJECTED, ACTOR_SERVER, ACTOR_CLIENT);
        m->v.outcome = o;
        m->v.detail = m->v.sentence = m->t.capture = hostile;
        m->t.alpn_selected = bytes_of(hostile, sizeof hostile);
        made_evidence(m, e, hostile);
        made_finding(m, "abandoned", CAUSE_NONE);
        m->v.findings[0].sentence = hostile;
        m->v.ruled_out[m->v.n_ruled_out++] = (struct ruled_out){ CAUSE_SNI_MISSING, hostile };
        struct text out = print(m, &(struct report_style){ .show_path = true });
        check_safe(&out);
        text_deinit(&out);
        made_free(m);
    }
}

/* --- width --- */

static void check_lines(const char *line, size_t width)
{
    while (*line != '\0') {
        size_t n = strcspn(line, "\n");
        size_t indent = strspn(line, " ");
        bool is_one_word = memchr(line + indent, ' ', n - indent) == NULL;
        bool is_command = memchr(line + indent, '`', n - indent) != NULL;
        if (n > width && !is_one_word && !is_command) {
            fail_msg("%zu columns, not %zu: %.*s", n, width, (int)n, line);
        }
        line += n + (line[n] == '\n');
    }
}

static void lines_fit(void **state)
{
    static const unsigned widths[] = { 60, 80, 100, 132 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
        struct made *m = expired();
        struct text out = print(m, &(struct report_style){ .width = widths[i] });
        check_lines(text_str(&out), widths[i]);
        text_deinit(&out);
        made_free(m);
    }
}

struct wrap_row {
    const char *name, *words;
    size_t indent, width;
    const char *expected;
};

/* clang-format off */
static const struct wrap_row wraps[] = {
    { "wrap: fits",              "one two",                    2, 20, "one two" },
    { "wrap: breaks at a space", "one two three",              2, 8,  "one two\n  three" },
    { "wrap: a command is kept", "run `a b c d` now",          0, 11, "run\n`a b c d`\nnow" },
    { "wrap: a long command",    "run `a b c d e f`",          0, 8,  "run\n`a b c d e f`" },
    { "wrap: an open quote",     "a ` b",                      0, 80, "a ` b" },
    { "wrap: it quotes nothing", "a `b c d",                   0, 4,  "a `b\nc d" },
    { "wrap: behind a command",  "`a b c d e f`, g h i j",     0, 8,  "`a b c d e f`,\ng h i j" },
    { "wrap: a long word",       "a bbbbbbbbbbbb c",           0, 6,  "a\nbbbbbbbbbbbb\nc" },
    { "wrap: escapes count",     "ab \x1b\x1b cd",             0, 10, "ab\n\\x1b\\x1b\ncd" },
    { "wrap: spaces are one",    "a   b",                      0, 80, "a b" },
    { "wrap: code points count", "\xc3\xa4\xc3\xa4 \xc3\xb6",  0, 4,  "\xc3\xa4\xc3\xa4 \xc3\xb6" },
};
/* clang-format on */

static void check_wrap(void **state)
{
    const struct wrap_row *row = *state;
    struct text out = { 0 };
    struct wrap w = wrap_start(&out, 0, row->indent, row->width);
    wrap_words(&w, bytes_of_str(row->words));
    assert_string_equal(text_str(&out), row->expected);
    text_deinit(&out);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(wraps) + 7] = {
        cmocka_unit_test(failed_has_all_parts),
        cmocka_unit_test(the_gateway_is_named),
        cmocka_unit_test(completed_is_brief),
        cmocka_unit_test(unfinished_has_a_short_ladder),
        cmocka_unit_test(repeats_are_one_row),
        cmocka_unit_test(hostile_strings_are_made_safe),
        cmocka_unit_test(lines_fit),
    };
    for (size_t i = 0; i < ARRAY_LEN(wraps); i++) {
        tests[7 + i] =
            (struct CMUnitTest){ wraps[i].name, check_wrap, NULL, NULL, (void *)&wraps[i] };
    }
    return cmocka_run_group_tests_name("report_text", tests, NULL, NULL);
}
