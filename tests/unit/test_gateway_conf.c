/* Values in nginx.conf: whatever they hold, one word they stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "gateway/conf.h"
#include "gateway/conf_shape.h"

struct row {
    const char *value;
    const char *as_value, *as_literal, *as_key; /* NULL: refused */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "plain", "\"plain\"", "\"plain\"", "\"\\\\plain\"" },
    { "", "\"\"", "\"\"", "\"\\\\\"" },
    { "a b;c", "\"a b;c\"", "\"a b;c\"", "\"\\\\a b;c\"" },
    { "q\"; x", "\"q\\\"; x\"", "\"q\\\"; x\"", "\"\\\\q\\\"; x\"" },
    { "end\\", "\"end\\\\\"", "\"end\\\\\"", "\"\\\\end\\\\\"" },
    { "\\\"; x", "\"\\\\\\\"; x\"", "\"\\\\\\\"; x\"", "\"\\\\\\\\\\\"; x\"" },
    { "$host", "\"$host\"", "\"${handfast_dollar}host\"", "\"\\\\$host\"" },
    { "${x}", "\"${x}\"", "\"${handfast_dollar}{x}\"", "\"\\\\${x}\"" },
    { "{}#'", "\"{}#'\"", "\"{}#'\"", "\"\\\\{}#'\"" },
    { "~regex", "\"~regex\"", "\"~regex\"", "\"\\\\~regex\"" },
    { "\xc3\xa9", "\"\xc3\xa9\"", "\"\xc3\xa9\"", "\"\\\\\xc3\xa9\"" },
    { "a\nb", NULL, NULL, NULL },
    { "a\x7f", NULL, NULL, NULL },
};
/* clang-format on */

static void check_one(void (*put)(struct conf *c, const char *value), const char *value,
                      const char *want)
{
    struct text out = { 0 };
    struct conf c = conf_start(&out);
    struct conf_shape shape;
    conf_begin(&c, "set");
    put(&c, value);
    conf_end(&c);
    assert_int_equal(c.refused, want == NULL);
    if (want != NULL) {
        struct text whole = { 0 };
        text_printf(&whole, "set %s;\n", want);
        assert_string_equal(text_str(&out), text_str(&whole));
        assert_true(conf_shape_read(text_str(&out), &shape));
        assert_string_equal(text_str(&shape.shape), "0 set 2\n");
        conf_shape_deinit(&shape);
        text_deinit(&whole);
    }
    text_deinit(&out);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    check_one(conf_value, row->value, row->as_value);
    check_one(conf_literal, row->value, row->as_literal);
    check_one(conf_key, row->value, row->as_key);
}

static void test_pattern(void **state)
{
    (void)state;
    struct text out = { 0 };
    struct conf c = conf_start(&out);
    conf_pattern(&c, "~^", "a.b*\"$", "$");
    assert_string_equal(text_str(&out), " \"~^a\\\\x2eb\\\\x2a\\\\x22\\\\x24$\"");
    text_deinit(&out);
}

static void test_blocks(void **state)
{
    (void)state;
    struct text out = { 0 };
    struct conf c = conf_start(&out);
    conf_open(&c, "http");
    conf_prelude(&c);
    conf_line(&c, "sendfile on");
    conf_close(&c);
    assert_string_equal(text_str(&out), "http {\n    geo $handfast_dollar { default \"$\"; }\n"
                                        "    sendfile on;\n}\n");
    text_deinit(&out);
}

struct shape_row {
    const char *conf;
    const char *shape; /* NULL: refused */
};

/* clang-format off: a table reads by columns */
static const struct shape_row shapes[] = {
    { "", "" },
    { "a;", "0 a 1\n" },
    { "a b 'c d' \"e;f\";", "0 a 4\n" },
    { "a { b c; } d;", "0 a 1\n1 b 2\n0 d 1\n" },
    { "map $x $y { \"q\" 1; evil 2; } z;", "0 map 3\n1 - 2\n1 - 2\n0 z 1\n" },
    { "a ${b}c; # x; y\nd;", "0 a 2\n0 d 1\n" },
    { "a \"\\\"; b\";", "0 a 2\n" },
    { "a", NULL },
    { "a {", NULL },
    { "a; }", NULL },
    { ";", NULL },
    { "a \"b;", NULL },
    { "a \"b\"c;", NULL },
    { "map $x $y { evil { b; } }", NULL },
};
/* clang-format on */

static void check_shape(void **state)
{
    const struct shape_row *row = *state;
    struct conf_shape shape;
    assert_int_equal(conf_shape_read(row->conf, &shape), row->shape != NULL);
    if (row->shape != NULL) {
        assert_string_equal(text_str(&shape.shape), row->shape);
    }
    conf_shape_deinit(&shape);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(shapes) + 2];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ "value", check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        tests[n++] = (struct CMUnitTest){ "shape", check_shape, NULL, NULL, (void *)&shapes[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_pattern);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_blocks);
    return cmocka_run_group_tests_name("gateway_conf", tests, NULL, NULL);
}
