#include "api/call_text.h"

#include <string.h>

#include "report/wrap.h"

enum { TEXT_COLUMNS = 100 };

/* For a shell: what is between single quotes is taken as it stands, except such a quote. */
static void put_quoted(struct text *out, const char *word)
{
    text_puts(out, "'");
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            text_puts(out, "'\\''");
        } else {
            text_putc(out, *word);
        }
    }
    text_puts(out, "'");
}

/* As a command: the reader fills in the user, and $API, the address. `file` has the body of a call
 * that has none. */
static void put_command(struct text *out, const json_t *call, const char *file)
{
    const char *type = json_string_value(json_object_get(call, "contentType"));
    const char *body = json_string_value(json_object_get(call, "body"));
    text_printf(out, "\n  curl -u USER -X %s \"$API\"",
                json_string_value(json_object_get(call, "method")));
    put_quoted(out, json_string_value(json_object_get(call, "path")));
    if (type != NULL && (body != NULL || file != NULL)) {
        text_printf(out, " -H 'Content-Type: %s' --data-binary ", type);
        put_quoted(out, body == NULL ? file : body);
    }
}

/* For whoever keeps the bundle elsewhere. */
static void put_edit(struct text *out, const json_t *change)
{
    const char *target = json_string_value(json_object_get(change, "target"));
    const char *file = json_string_value(json_object_get(change, "file"));
    if (target != NULL) {
        text_printf(out,
                    "\nwhich makes a TargetEndpoint %s of the URL of a RouteRule in %s, with\n    ",
                    target, file);
    } else {
        text_printf(out, "\nwhich puts into the HTTPTargetConnection in %s\n    ", file);
    }
    text_puts(out, json_string_value(json_object_get(change, "element")));
}

/* A bundle to be taken and sent again, the documents that change, the deployment. */
static void put_change(struct text *out, const json_t *call, const json_t *change)
{
    const json_t *parts = json_object_get(change, "parts");
    text_puts(out, "\n  curl -u USER -o bundle.zip \"$API\"");
    put_quoted(out, json_string_value(json_object_get(change, "bundle")));
    put_command(out, call, "@bundle.zip");
    for (size_t i = 0; i < json_array_size(parts); i++) {
        put_command(out, json_array_get(parts, i), NULL);
    }
    put_command(out, json_object_get(change, "then"), NULL);
    put_edit(out, change);
}

void call_text_put(struct text *out, const char *title, const json_t *call)
{
    const json_t *change = json_object_get(call, "change");
    if (!json_is_object(call)) {
        return;
    }
    const char *why = json_string_value(json_object_get(call, "why"));
    struct wrap w = wrap_start(out, 0, 2, TEXT_COLUMNS);
    wrap_words(&w, bytes_of_str(title));
    wrap_words(&w, bytes_of_str(why != NULL ? why : ""));
    wrap_words(&w, BYTES("(USER is you; $API is the address of this API, such as "
                         "http://127.0.0.1:8080):"));
    const json_t *first = json_object_get(call, "first");
    for (size_t i = 0; i < json_array_size(first); i++) {
        put_command(out, json_array_get(first, i), NULL);
    }
    if (change != NULL) {
        put_change(out, call, change);
    } else {
        put_command(out, call, NULL);
    }
    text_puts(out, "\n");
}

bool api_wants_text(const struct api_request *r)
{
    const char *accept = api_header(r, "accept");
    const char *format = api_query(r, "format");
    return (format != NULL && strcmp(format, "text") == 0) ||
           (accept != NULL && strstr(accept, "text/plain") != NULL &&
            strstr(accept, "json") == NULL);
}
