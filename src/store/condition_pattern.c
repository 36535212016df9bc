#include <string.h>

#include "store/condition.h"

static void put_literal(struct text *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("\\^$.[]|()?*+{}", s[i]) != NULL) {
            text_putc(out, '\\');
        }
        text_putc(out, s[i]);
    }
}

/* "*" is any text. */
static void put_wildcards(struct text *out, const char *s)
{
    while (*s != '\0') {
        size_t len = strcspn(s, "*");
        put_literal(out, s, len);
        s += len;
        if (*s == '*') {
            text_puts(out, ".*");
            s += strspn(s, "*");
        }
    }
}

/* "*" stays within an element of the path, "**" does not. */
static void put_path(struct text *out, const char *s)
{
    while (*s != '\0') {
        size_t len = strcspn(s, "*");
        put_literal(out, s, len);
        s += len;
        size_t stars = strspn(s, "*");
        s += stars;
        if (stars == 1) {
            text_puts(out, "[^/]+");
        } else if (stars > 1) {
            text_puts(out, *s == '\0' ? ".*" : ".+");
        }
    }
}

void condition_pattern(const struct condition_node *test, struct text *out,
                       struct condition_pattern *how)
{
    const char *value = test->value == NULL ? "" : test->value;
    *how = (struct condition_pattern){ 0 };
    text_putc(out, '^');
    switch (test->operation) {
    case CONDITION_EQUALS:
    case CONDITION_NOT_EQUALS:
    case CONDITION_EQUALS_NO_CASE:
    case CONDITION_STARTS_WITH:
        put_literal(out, value, strlen(value));
        break;
    case CONDITION_MATCHES:
        put_wildcards(out, value);
        break;
    case CONDITION_MATCHES_PATH:
        put_path(out, value);
        break;
    case CONDITION_JAVA_REGEX: /* the whole text has to match, as in String.matches() */
        text_printf(out, "(?:%s)", value);
        break;
    case CONDITION_MORE: /* condition_parse() takes none of these */
    case CONDITION_LESS:
    case CONDITION_AT_LEAST:
    case CONDITION_AT_MOST:
    case CONDITION_N_OPERATORS:
        break;
    }
    if (test->operation != CONDITION_STARTS_WITH) {
        text_putc(out, '$');
    }
    how->is_negated = test->operation == CONDITION_NOT_EQUALS;
    how->no_case = test->operation == CONDITION_EQUALS_NO_CASE;
}
