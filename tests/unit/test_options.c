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
#include "cli/words.h"

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

static void check_numbers(void **state)
{
    static const char *const wrong[] = { "",   "x", "-1", " 5",
                                         "5x", "4", "11", "99999999999999999999" };
    struct err err = { 0 };
    unsigned n = 0;
    (void)state;
    assert_int_equal(option_number("n", "5", 5, 10, &n, &err), ST_OK);
    assert_int_equal(n, 5);
    assert_int_equal(option_number("n", "10", 5, 10, &n, &err), ST_OK);
    assert_int_equal(n, 10);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(option_number("n", wrong[i], 5, 10, &n, &err), ST_USAGE);
        assert_int_equal(n, 10);
    }
    assert_string_equal(err.text, "--n '99999999999999999999': it is a number from 5 to 10");
}

static void check_choices(void **state)
{
    static const char *const choices[] = { "a", "b", "c", NULL };
    struct err err = { 0 };
    int place = -1;
    (void)state;
    assert_int_equal(option_choice("n", "c", choices, &place, &err), ST_OK);
    assert_int_equal(place, 2);
    assert_int_equal(option_choice("n", "d", choices, &place, &err), ST_USAGE);
    assert_string_equal(err.text, "--n 'd': it is a, b or c");
    assert_int_equal(place, 2);
}

/* --trust: what is said, and whether the system's anchors are wanted then. */
static void check_trust(void **state)
{
    static const struct {
        const char *said[2];
        bool is_wrong, wants_system;
    } cases[] = {
        { { NULL, NULL }, false, true },       { { "system", NULL }, false, true },
        { { "ca.pem", NULL }, false, false },  { { "ca.pem", "system" }, false, true },
        { { "none", NULL }, false, false },    { { "none", "system" }, true, true },
        { { "none", "ca.pem" }, true, false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct trust_words trust = { 0 };
        struct err err = { 0 };
        assert_int_equal(words_init(&trust.paths, ARRAY_LEN(cases[i].said), &err), ST_OK);
        for (size_t j = 0; j < ARRAY_LEN(cases[i].said) && cases[i].said[j] != NULL; j++) {
            trust_words_add(&trust, cases[i].said[j]);
        }
        assert_int_equal(trust_words_check(&trust, &err) != ST_OK, cases[i].is_wrong);
        assert_int_equal(trust_words_want_system(&trust), cases[i].wants_system);
        assert_int_equal(words_count(&trust.paths, "ca.pem"), trust.paths.n);
        words_deinit(&trust.paths);
    }
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(check_help),    cmocka_unit_test(check_suggestions),
        cmocka_unit_test(check_numbers), cmocka_unit_test(check_choices),
        cmocka_unit_test(check_trust),
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(others)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[ARRAY_LEN(rows) + i] = others[i];
    }
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
