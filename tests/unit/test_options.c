/* Options of a command line, and suggestions for mistyped ones. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "cli/options.h"
#include "cli/suggest.h"

enum { ID_FILE = 1, ID_JSON, ID_MESSAGE };
enum { ARGS_MAX = 6 };

static const struct option_row table[] = {
    { "Input", "file", "FILE", "a file", ID_FILE, 'f' },
    { NULL, "json", NULL, "as JSON", ID_JSON, 'j' },
    { NULL, "message", "[TEXT]", "a text", ID_MESSAGE, 0 },
};

struct row {
    const char *name;
    const char *args[ARGS_MAX];
    const char *wanted; /* "id=value" for each, "!" and the reason where something is wrong */
};

/* clang-format off */
static const struct row rows[] = {
    { "nothing",              { NULL },                    "" },
    { "long",                 { "--file", "a" },           "1=a " },
    { "long with =",          { "--file=a=b" },            "1=a=b " },
    { "empty value",          { "--file=" },               "1= " },
    { "letter",               { "-f", "a" },               "1=a " },
    { "letter and value",     { "-fa" },                   "1=a " },
    { "flag",                 { "--json", "-j" },          "2= 2= " },
    { "operands",             { "a", "--json", "-", "b" }, "-1=a 2= -1=- -1=b " },
    { "--",                   { "--", "--json", "--" },    "-1=--json -1=-- " },
    { "value like an option", { "--file", "--json" },      "1=--json " },
    { "may be left out",      { "--message" },             "3= " },
    { "is there",             { "--message", "x" },        "3=x " },
    { "value missing",        { "--file" },                "!--file wants a value: FILE" },
    { "value too many",       { "--json=1" },              "!--json takes no value" },
    { "letter, too many",     { "-jx" },                   "!-j takes no value" },
    { "unknown letter",       { "-x" },                    "!unknown option -x" },
    { "unknown",              { "--wrong" },               "!unknown option --wrong" },
    { "nearly",               { "--mesage" },              "!unknown option --mesage; did you mean --message?" },
    { "swapped",              { "--flie" },                "!unknown option --flie; did you mean --file?" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    size_t n = 0;
    while (n < ARGS_MAX && row->args[n] != NULL) {
        n++;
    }
    struct option_reader r = {
        .rows = table, .n_rows = ARRAY_LEN(table), .args = (char **)row->args, .n_args = n
    };
    struct text got = { 0 };
    struct err err = { 0 };
    int id = OPTION_END;
    do {
        const char *value = NULL;
        id = option_next(&r, &value, &err);
        if (id == OPTION_WRONG) {
            text_printf(&got, "!%s", err.text);
        } else if (id != OPTION_END) {
            text_printf(&got, "%d=%s ", id, value == NULL ? "" : value);
        }
    } while (id != OPTION_END && id != OPTION_WRONG);
    assert_string_equal(text_str(&got), row->wanted);
    text_deinit(&got);
}

static void check_help(void **state)
{
    (void)state;
    struct text help = { 0 };
    options_help(table, ARRAY_LEN(table), &help);
    assert_string_equal(text_str(&help), "\nInput\n"
                                         "  -f, --file FILE             a file\n"
                                         "  -j, --json                  as JSON\n"
                                         "      --message [TEXT]        a text\n");
    text_deinit(&help);
}

static void check_suggestions(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("explain", "explain"), 0);
    assert_int_equal(suggest_distance("exp", "explain"), 0);
    assert_int_equal(suggest_distance("explian", "explain"), 1);
    assert_int_equal(suggest_distance("xplain", "explain"), 1);
    assert_int_equal(suggest_distance("explainn", "explain"), 1);
    assert_int_equal(suggest_distance("expleen", "explain"), 2);
    assert_int_equal(suggest_distance("probe", "explain"), SUGGEST_TOO_FAR);
    assert_int_equal(suggest_distance("hlp", "help"), 1);
    assert_int_equal(suggest_distance("x", "help"), SUGGEST_TOO_FAR);
    assert_int_equal(suggest_distance("", "help"), SUGGEST_TOO_FAR);
    assert_int_equal(suggest_distance("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "help"),
                     SUGGEST_TOO_FAR);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(check_help);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(check_suggestions);
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
