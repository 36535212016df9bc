/* Conditions of route rules: what they are as nodes, what their patterns match, and what is wrong
 * with those that are not taken. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <regex.h>

#include "store/condition.h"

/* What a request has, by variable. */
struct request {
    const char *suffix, *verb, *accept;
};

struct row {
    const char *name, *text;
    struct request request;
    bool is_true;
};

struct bad_row {
    const char *name, *text;
    size_t at;
    const char *says;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "nothing is true", "", { "", "GET", "" }, true },
    { "blanks are true", " \n ", { "", "GET", "" }, true },
    { "equals", "request.verb = \"GET\"", { "", "GET", "" }, true },
    { "equals, not", "request.verb = \"GET\"", { "", "PUT", "" }, false },
    { "equals has no case", "request.verb = \"get\"", { "", "GET", "" }, false },
    { "equals, the whole text", "request.verb = \"GE\"", { "", "GET", "" }, false },
    { "equals, a word", "request.verb Equals \"GET\"", { "", "GET", "" }, true },
    { "equals, another word", "request.verb is \"GET\"", { "", "GET", "" }, true },
    { "not equal", "request.verb != \"GET\"", { "", "PUT", "" }, true },
    { "not equal, a word", "request.verb NotEquals \"GET\"", { "", "GET", "" }, false },
    { "not equal, another", "request.verb IsNot \"GET\"", { "", "PUT", "" }, true },
    { "no blanks", "request.verb!=\"GET\"", { "", "PUT", "" }, true },
    { "any case", "request.verb := \"get\"", { "", "GET", "" }, true },
    { "any case, a word", "request.verb equalscaseinsensitive \"get\"", { "", "GET", "" }, true },
    { "starts", "proxy.pathsuffix =| \"/a\"", { "/ab", "", "" }, true },
    { "starts, a word", "proxy.pathsuffix StartsWith \"/a\"", { "/b", "", "" }, false },
    { "like", "proxy.pathsuffix ~ \"/a*z\"", { "/a/b/z", "", "" }, true },
    { "like, a word", "proxy.pathsuffix Like \"/a*\"", { "/a", "", "" }, true },
    { "like, another word", "proxy.pathsuffix Matches \"*a\"", { "/ab", "", "" }, false },
    { "like takes dots as dots", "proxy.pathsuffix ~ \"/a.b\"", { "/axb", "", "" }, false },
    { "path, literal", "proxy.pathsuffix MatchesPath \"/cat\"", { "/cat", "", "" }, true },
    { "path, a slash at the end",
      "proxy.pathsuffix MatchesPath \"/cat\"",
      { "/cat/", "", "" },
      false },
    { "path, one element", "proxy.pathsuffix MatchesPath \"/*/cat\"", { "/a/cat", "", "" }, true },
    { "path, two are not one",
      "proxy.pathsuffix MatchesPath \"/*/cat\"",
      { "/a/b/cat", "", "" },
      false },
    { "path, an element is there", "proxy.pathsuffix MatchesPath \"/*\"", { "/", "", "" }, false },
    { "path, all that is left", "proxy.pathsuffix ~/ \"/a/**\"", { "/a/b/c", "", "" }, true },
    { "path, nothing left", "proxy.pathsuffix ~/ \"/**\"", { "/", "", "" }, true },
    { "path, another word", "proxy.pathsuffix LikePath \"/a/**\"", { "/b/a", "", "" }, false },
    { "path, within", "proxy.pathsuffix ~/ \"/**/z\"", { "/a/b/z", "", "" }, true },
    { "path, some element within", "proxy.pathsuffix ~/ \"/**/z\"", { "/z", "", "" }, false },
    { "path, everything", "proxy.pathsuffix ~/ \"**\"", { "", "", "" }, true },
    { "a regular expression", "proxy.pathsuffix ~~ \"/[0-9]+/?\"", { "/17/", "", "" }, true },
    { "it is the whole text", "proxy.pathsuffix JavaRegex \"/[0-9]+\"", { "/17a", "", "" }, false },
    { "its branches are the whole", "proxy.pathsuffix ~~ \"/a|/b\"", { "/bc", "", "" }, false },
    { "a header", "request.header.Accept = \"text/xml\"", { "", "", "text/xml" }, true },
    { "a header that is not there", "request.header.Accept = null", { "", "", "" }, true },
    { "a header that is there", "request.header.Accept != null", { "", "", "a" }, true },
    { "and",
      "(proxy.pathsuffix MatchesPath \"/a\") and (request.verb = \"GET\")",
      { "/a", "GET", "" },
      true },
    { "and, one is not",
      "(proxy.pathsuffix MatchesPath \"/a\") and (request.verb = \"GET\")",
      { "/a", "PUT", "" },
      false },
    { "and, signs",
      "proxy.pathsuffix ~/ \"/a\" && request.verb = \"GET\"",
      { "/a", "GET", "" },
      true },
    { "or", "request.verb = \"GET\" OR request.verb = \"HEAD\"", { "", "HEAD", "" }, true },
    { "or, signs", "request.verb = \"GET\" || request.verb = \"HEAD\"", { "", "PUT", "" }, false },
    { "and before or", "true or false and false", { "", "", "" }, true },
    { "and before or, reversed", "false and false or true", { "", "", "" }, true },
    { "brackets before and", "(true or false) and false", { "", "", "" }, false },
    { "not", "not (request.verb = \"GET\")", { "", "GET", "" }, false },
    { "not, a sign", "!(request.verb = \"GET\")", { "", "PUT", "" }, true },
    { "not before and", "not false and false", { "", "", "" }, false },
    { "not of a test", "not request.verb = \"GET\"", { "", "PUT", "" }, true },
    { "not not", "!!true", { "", "", "" }, true },
    { "brackets upon brackets", "((((true))))", { "", "", "" }, true },
    { "three with or", "false or false or request.verb=\"GET\"", { "", "GET", "" }, true },
};

static const struct bad_row bad_rows[] = {
    { "a variable of policies", "oauth.scope = \"a\"", 0,
      "oauth.scope is no variable that is known" },
    { "more than", "request.header.x > 5", 17, "GreaterThan is not to be had" },
    { "a named group", "request.header.x ~~ \"a(?<args>b)\"", 17, "named groups" },
    { "a named group, another way", "request.header.x ~~ \"a(?P<args>b)\"", 17, "named groups" },
    { "a named group, a third way", "request.header.x ~~ \"a(?'args'b)\"", 17, "named groups" },
    { "no operator", "request.verb \"GET\"", 14, "an operator such as =" },
    { "no value", "request.verb = ", 15, "a text in quotes" },
    { "a value without quotes", "request.verb = GET", 15, "not GET" },
    { "no closing quote", "request.verb = \"GET", 15, "no closing quote" },
    { "a text on the left", "\"GET\" = request.verb", 1, "a variable is wanted on the left" },
    { "not closed", "(true", 0, "\"(\" is not closed" },
    { "closes nothing", "true)", 4, "closes nothing" },
    { "empty brackets", "()", 1, "something to compare is missing" },
    { "ends with and", "true and", 8, "ends where something is to follow" },
    { "begins with or", "or true", 0, "something to compare is missing" },
    { "two without and", "true true", 5, "\"and\" or \"or\" is wanted" },
    { "a bracket without and", "true (true)", 5, "\"and\" or \"or\" is wanted" },
    { "not without anything", "not", 3, "ends where something is to follow" },
    { "null and a pattern", "request.verb ~ null", 13, "null can only be" },
    { "a header without name", "request.header. = \"a\"", 0, "is no variable" },
    { "a header with a dollar", "request.header.a$b = \"a\"", 19, "letters, digits" },
    { "a character of no use", "true & true", 5, "means nothing here" },
};
/* clang-format on */

static const char *value_of(const struct request *r, enum condition_variable v)
{
    if (v == CONDITION_PATH_SUFFIX) {
        return r->suffix;
    }
    return v == CONDITION_VERB ? r->verb : r->accept;
}

/* Patterns that this table makes are the same in PCRE and in POSIX, but for (?: ). */
static bool matches(const struct condition_node *node, const char *value)
{
    struct text pattern = { 0 };
    struct condition_pattern how;
    regex_t compiled;
    condition_pattern(node, &pattern, &how);
    char *group = strstr(pattern.p, "(?:");
    if (group != NULL) {
        memmove(group + 1, group + 3, strlen(group + 3) + 1);
    }
    assert_int_equal(
        regcomp(&compiled, pattern.p, REG_EXTENDED | REG_NOSUB | (how.no_case ? REG_ICASE : 0)), 0);
    bool is_match = regexec(&compiled, value, 0, NULL, 0) == 0;
    regfree(&compiled);
    text_deinit(&pattern);
    return is_match != how.is_negated;
}

static bool evaluate(const struct condition *c, const struct request *request)
{
    bool values[CONDITION_NODES_MAX] = { 0 };
    for (size_t i = 0; i < c->n; i++) {
        const struct condition_node *n = &c->nodes[i];
        assert_true(n->kind == CONDITION_TEST || n->kind >= CONDITION_TRUE ||
                    (n->left < i && n->right < i));
        switch (n->kind) {
        case CONDITION_TEST:
            values[i] = matches(n, value_of(request, n->variable));
            break;
        case CONDITION_AND:
            values[i] = values[n->left] && values[n->right];
            break;
        case CONDITION_OR:
            values[i] = values[n->left] || values[n->right];
            break;
        case CONDITION_NOT:
            values[i] = !values[n->left];
            break;
        case CONDITION_TRUE:
        case CONDITION_FALSE:
            values[i] = n->kind == CONDITION_TRUE;
            break;
        }
    }
    return c->n == 0 || values[c->n - 1];
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct condition condition;
    struct condition_fault fault;
    if (!condition_parse(row->text, &arena, &condition, &fault)) {
        fail_msg("%s", fault.text);
    }
    assert_int_equal(evaluate(&condition, &row->request), row->is_true);
    arena_deinit(&arena);
}

static void check_bad(void **state)
{
    const struct bad_row *row = *state;
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct condition condition;
    struct condition_fault fault;
    assert_false(condition_parse(row->text, &arena, &condition, &fault));
    if (strstr(fault.text, row->says) == NULL) {
        fail_msg("%s", fault.text);
    }
    assert_int_equal(fault.at, row->at);
    assert_int_equal(condition.n, 0);
    arena_deinit(&arena);
}

static void check_limits(void **state)
{
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct condition condition;
    struct condition_fault fault;
    struct text text = { 0 };
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        text_putc(&text, '(');
    }
    assert_false(condition_parse(text_str(&text), &arena, &condition, &fault));
    text_clear(&text);
    for (size_t i = 0; i < 300; i++) {
        text_puts(&text, "true or ");
    }
    text_puts(&text, "true");
    assert_false(condition_parse(text_str(&text), &arena, &condition, &fault));
    assert_non_null(strstr(fault.text, "more than 256 parts"));
    text_clear(&text);
    for (size_t i = 0; i < CONDITION_TEXT_MAX + 1; i++) {
        text_putc(&text, ' ');
    }
    assert_false(condition_parse(text_str(&text), &arena, &condition, &fault));
    text_deinit(&text);
    arena_deinit(&arena);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(bad_rows) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ bad_rows[i].name, check_bad, NULL, NULL, (void *)&bad_rows[i] };
    }
    tests[n++] = (struct CMUnitTest){ "limits", check_limits, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
