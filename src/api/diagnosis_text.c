#include "api/diagnosis_text.h"

#include <string.h>

#include "api/call_text.h"
#include "report/wrap.h"

enum { TEXT_COLUMNS = 100, INDENT = 2 };

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static const char *word_of(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "isGood")) ? "GOOD" : "NOT GOOD";
}

static void put_words(struct text *out, size_t indent, const char *words)
{
    wrap_spaces(out, indent);
    struct wrap w = wrap_start(out, indent, indent + INDENT, TEXT_COLUMNS);
    wrap_words(&w, bytes_of_str(words));
    wrap_end(&w);
}

/* What a sentence above has said already is not said again. */
static void put_findings(struct text *out, size_t indent, const json_t *answer)
{
    const json_t *findings = json_object_get(answer, "findings");
    const char *said = string_of(answer, "sentence");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *one = json_array_get(findings, i);
        struct text line = { 0 };
        text_printf(&line, "- %s: %s", string_of(one, "id"), string_of(one, "sentence"));
        if (strcmp(string_of(one, "sentence"), said) != 0) {
            put_words(out, indent, text_str(&line));
        }
        out->failed = out->failed || line.failed;
        text_deinit(&line);
    }
}

static void put_head(struct text *out, const char *subject, const json_t *answer)
{
    const char *cause = string_of(answer, "cause");
    text_put_safe(out, bytes_of_str(subject));
    text_printf(out, "\n  %s%s%s\n", word_of(answer), cause[0] == '\0' ? "" : "  ", cause);
}

/* A verdict has a text of its own, which says all of it. */
static void put_one(struct text *out, const char *subject, const json_t *answer)
{
    const char *text = string_of(answer, "text");
    put_head(out, subject, answer);
    if (text[0] != '\0') {
        text_puts(out, "\n");
        text_puts(out, text);
    } else {
        put_words(out, INDENT, string_of(answer, "sentence"));
        put_findings(out, INDENT, answer);
    }
    call_text_put(out, "The call that mends it:", json_object_get(answer, "fix"));
    call_text_put(out, "What the gateway can do meanwhile:", json_object_get(answer, "workaround"));
}

static void put_alias(struct text *out, const json_t *alias)
{
    text_puts(out, "\nalias ");
    text_put_safe(out, bytes_of_str(string_of(alias, "alias")));
    text_printf(out, "\n  %s, ", word_of(alias));
    text_put_safe(out, bytes_of_str(string_of(alias, "subject")));
    text_printf(out, ", %lld days left\n",
                (long long)json_integer_value(json_object_get(alias, "daysLeft")));
    put_findings(out, INDENT, alias);
    call_text_put(out, "The call that mends it:", json_object_get(alias, "fix"));
}

static void put_keystore(struct text *out, const char *subject, const json_t *answer)
{
    const json_t *aliases = json_object_get(answer, "aliases");
    const json_t *uses = json_object_get(answer, "usedBy");
    put_head(out, subject, answer);
    for (size_t i = 0; i < json_array_size(uses); i++) {
        const json_t *use = json_array_get(uses, i);
        text_puts(out, "  used by ");
        text_put_safe(out, bytes_of_str(string_of(use, "kind")));
        text_puts(out, " ");
        text_put_safe(out, bytes_of_str(string_of(use, "name")));
        text_puts(out, "\n");
    }
    for (size_t i = 0; i < json_array_size(aliases); i++) {
        put_alias(out, json_array_get(aliases, i));
    }
}

enum status api_say_diagnosis(struct api_request *r, struct api_answer *a, const char *subject,
                              json_t *answer)
{
    struct text out = { 0 };
    if (!api_wants_text(r)) {
        return api_say(a, 200, json_incref(answer));
    }
    if (json_is_array(json_object_get(answer, "aliases"))) {
        put_keystore(&out, subject, answer);
    } else {
        put_one(&out, subject, answer);
    }
    enum status st = out.failed
                         ? ST_NOMEM
                         : api_say_text(a, "text/plain; charset=utf-8", bytes_of(out.p, out.len));
    text_deinit(&out);
    return st;
}
