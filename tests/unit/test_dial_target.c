#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dial/dial.h"

struct row {
    const char *text;
    bool is_target;
    const char *host;
    uint16_t port;
    enum dial_starttls starttls;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "example.com", true, "example.com", 443, DIAL_NO_STARTTLS },
    { "example.com:8443", true, "example.com", 8443, DIAL_NO_STARTTLS },
    { "192.0.2.1", true, "192.0.2.1", 443, DIAL_NO_STARTTLS },
    { "192.0.2.1:25", true, "192.0.2.1", 25, DIAL_NO_STARTTLS },
    { "::1", true, "::1", 443, DIAL_NO_STARTTLS },
    { "[::1]", true, "::1", 443, DIAL_NO_STARTTLS },
    { "[2001:db8::1]:8443", true, "2001:db8::1", 8443, DIAL_NO_STARTTLS },
    { "https://host/", true, "host", 443, DIAL_NO_STARTTLS },
    { "https://host:1/a?b#c", true, "host", 1, DIAL_NO_STARTTLS },
    { "smtp://mx:25", true, "mx", 25, DIAL_SMTP },
    { "IMAP://mx", true, "mx", 143, DIAL_IMAP },
    { "imaps://mx", true, "mx", 993, DIAL_NO_STARTTLS },
    { "postgres://[::1]:1", true, "::1", 1, DIAL_POSTGRES },
    { "", false, NULL, 0, DIAL_NO_STARTTLS },
    { ":443", false, NULL, 0, DIAL_NO_STARTTLS },
    { "host:", false, NULL, 0, DIAL_NO_STARTTLS },
    { "host:0", false, NULL, 0, DIAL_NO_STARTTLS },
    { "host:65536", false, NULL, 0, DIAL_NO_STARTTLS },
    { "host:44x", false, NULL, 0, DIAL_NO_STARTTLS },
    { "gopher://host", false, NULL, 0, DIAL_NO_STARTTLS },
    { "[::1", false, NULL, 0, DIAL_NO_STARTTLS },
    { "[::1]443", false, NULL, 0, DIAL_NO_STARTTLS },
    { "a:b:c", false, NULL, 0, DIAL_NO_STARTTLS },
    { "two words", false, NULL, 0, DIAL_NO_STARTTLS },
    { "tab\tbed", false, NULL, 0, DIAL_NO_STARTTLS },
    { "user@host", false, NULL, 0, DIAL_NO_STARTTLS },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct dial_target target;
    char storage[256];
    assert_int_equal(dial_parse_target(row->text, &target, storage, sizeof storage),
                     row->is_target);
    if (row->is_target) {
        assert_string_equal(target.host, row->host);
        assert_int_equal(target.port, row->port);
        assert_int_equal(target.starttls, row->starttls);
    }
}

static void a_name_that_fills_the_room_is_refused(void **state)
{
    struct dial_target target;
    char storage[5];
    (void)state;
    assert_true(dial_parse_target("abcd", &target, storage, sizeof storage));
    assert_false(dial_parse_target("abcde", &target, storage, sizeof storage));
}

static void each_protocol_has_a_name_that_reads_back(void **state)
{
    (void)state;
    for (unsigned s = DIAL_NO_STARTTLS + 1; s < DIAL_N_STARTTLS; s++) {
        enum dial_starttls back = DIAL_NO_STARTTLS;
        assert_true(dial_starttls_by_name(dial_starttls_name((enum dial_starttls)s), &back));
        assert_int_equal(back, s);
    }
    enum dial_starttls none;
    assert_false(dial_starttls_by_name("https", &none));
}

static void the_server_name_is_no_address(void **state)
{
    (void)state;
    assert_string_equal(dial_server_name(&(struct dial_target){ .host = "a.test" }), "a.test");
    assert_string_equal(dial_server_name(&(struct dial_target){ .host = "192.0.2.1" }), "");
    assert_string_equal(dial_server_name(&(struct dial_target){ .host = "::1" }), "");
    assert_string_equal(
        dial_server_name(&(struct dial_target){ .host = "::1", .server_name = "b" }), "b");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3] = {
        cmocka_unit_test(a_name_that_fills_the_room_is_refused),
        cmocka_unit_test(each_protocol_has_a_name_that_reads_back),
        cmocka_unit_test(the_server_name_is_no_address),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i + 3] = (struct CMUnitTest){ rows[i].text, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("dial_target", tests, NULL, NULL);
}
