/* Times from the command line: what is read, and what no clock shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/utf8.h"

static const struct {
    const char *text;
    bool is_time;
    int64_t at_s;
} rows[] = {
    { "2026-06-01", true, 1780272000 },
    { "2026-06-01T00:00:00Z", true, 1780272000 },
    { "2026-06-01t02:00:00+02:00", true, 1780272000 },
    { "2024-02-29", true, 1709164800 },
    { "@-1", true, -1 },
    { "2026-02-29", false, 0 },
    { "2026-02-30", false, 0 },
    { "2026-04-31T00:00:00Z", false, 0 },
    { "2026-06-00", false, 0 },
    { "2026-13-01", false, 0 },
    { "2026-06-01T-5:00:00Z", false, 0 },
    { "2026-06-01T00:-5:00Z", false, 0 },
    { "2026-06-01T24:00:00Z", false, 0 },
    { "2026-06-01T00:00:00+-1:00", false, 0 },
    { "2026-06-01T00:00:00+24:00", false, 0 },
    { "2026-06-01T00:00:00", false, 0 },
    { "0001-01-01", false, 0 },
    { "9999-12-31", false, 0 },
    { "@99999999999999999999", false, 0 },
    { "", false, 0 },
};

static void times(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t at_ns = 0;
        if (clock_parse(rows[i].text, &at_ns) != rows[i].is_time) {
            fail_msg("'%s' is %s time", rows[i].text, rows[i].is_time ? "a" : "no");
        }
        if (rows[i].is_time) {
            assert_int_equal(at_ns / NS_PER_S, rows[i].at_s);
        }
    }
}

/* What moves or hides the text beside it on a terminal is no text. */
static void harmful_characters(void **state)
{
    static const char *const harmful[] = { "\x1b",         "\x7f",         "\xc2\x9b",
                                           "\xd8\x9c",     "\xe2\x80\x8f", "\xe2\x80\xae",
                                           "\xe2\x81\xa6", "\xe2\x80\xa8", "\xff" };
    (void)state;
    for (size_t i = 0; i < sizeof harmful / sizeof harmful[0]; i++) {
        assert_int_equal(utf8_printable(bytes_of_str(harmful[i])), 0);
    }
    assert_int_equal(utf8_printable(bytes_of_str("\xc3\xa9")), 2);
    assert_int_equal(utf8_printable(bytes_of_str("\xd8\xa7")), 2); /* an Arabic letter */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(harmful_characters),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
