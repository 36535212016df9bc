#include "gateway/conf.h"

struct conf conf_start(struct text *out)
{
    return (struct conf){ .out = out };
}

static void indent(struct conf *c)
{
    for (unsigned i = 0; i < c->depth; i++) {
        text_puts(c->out, "    ");
    }
}

void conf_prelude(struct conf *c)
{
    /* No syntax escapes a `$`; geo's values are not looked into for variables. */
    conf_line(c, "geo $handfast_dollar { default \"$\"; }");
}

void conf_line(struct conf *c, const char *words)
{
    size_t len = strlen(words);
    indent(c);
    text_puts(c->out, words);
    text_puts(c->out, len > 0 && words[len - 1] == '}' ? "\n" : ";\n");
}

void conf_open(struct conf *c, const char *words)
{
    conf_begin(c, words);
    conf_end_open(c);
}

void conf_close(struct conf *c)
{
    c->depth -= c->depth > 0 ? 1 : 0;
    indent(c);
    text_puts(c->out, "}\n");
}

void conf_begin(struct conf *c, const char *words)
{
    indent(c);
    text_puts(c->out, words);
}

void conf_word(struct conf *c, const char *word)
{
    text_putc(c->out, ' ');
    text_puts(c->out, word);
}

bool conf_quotable(const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return false;
        }
    }
    return true;
}

static void put_quoted(struct conf *c, const char *value, bool with_variables)
{
    if (!conf_quotable(value)) {
        c->refused = true;
        return;
    }
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\\' || *p == '"') {
            text_putc(c->out, '\\');
        }
        if (*p == '$' && with_variables) {
            text_puts(c->out, CONF_DOLLAR);
        } else {
            text_putc(c->out, *p);
        }
    }
}

static void quoted(struct conf *c, const char *before, const char *value, const char *after,
                   bool with_variables)
{
    text_puts(c->out, " \"");
    text_puts(c->out, before);
    put_quoted(c, value, with_variables);
    text_puts(c->out, after);
    text_putc(c->out, '"');
}

void conf_value(struct conf *c, const char *value)
{
    quoted(c, "", value, "", false);
}

void conf_literal(struct conf *c, const char *value)
{
    quoted(c, "", value, "", true);
}

void conf_prefixed(struct conf *c, const char *prefix, const char *value)
{
    quoted(c, prefix, value, "", false);
}

void conf_mixed(struct conf *c, const char *ours, const char *theirs, const char *ours_after)
{
    quoted(c, ours, theirs, ours_after, true);
}

void conf_number(struct conf *c, const char *prefix, uint64_t n, const char *suffix)
{
    text_putc(c->out, ' ');
    text_puts(c->out, prefix);
    text_put_u64(c->out, n);
    text_puts(c->out, suffix);
}

/* Everything but letters and digits is escaped by its number, so that neither the expression's
 * syntax nor nginx's sees a special character. */
void conf_pattern(struct conf *c, const char *before, const char *value, const char *after)
{
    text_puts(c->out, " \"");
    text_puts(c->out, before);
    for (const char *p = value; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '/' || *p == '-' || *p == '_';
        if (plain) {
            text_putc(c->out, *p);
        } else {
            text_printf(c->out, "\\\\x%02x", (unsigned)(unsigned char)*p);
        }
    }
    text_puts(c->out, after);
    text_putc(c->out, '"');
}

void conf_key(struct conf *c, const char *key)
{
    quoted(c, "\\\\", key, "", false); /* a map takes what follows a backslash as it is */
}

void conf_end(struct conf *c)
{
    text_puts(c->out, ";\n");
}

void conf_end_open(struct conf *c)
{
    text_puts(c->out, " {\n");
    c->depth += c->depth < CONF_DEPTH_MAX ? 1 : 0;
}
