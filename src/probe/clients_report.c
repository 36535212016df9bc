/* What recorded clients would meet, as text and JSON. */
#include "probe/clients.h"
#include "report/wrap.h"
#include "tls/names.h"

enum { ID_WIDTH = 16, INDENT = 2, WIDTH = 100 };

static void put_wrapped(struct text *out, size_t indent, unsigned width, const char *words)
{
    struct wrap w = wrap_start(out, indent, indent + INDENT, width == 0 ? WIDTH : width);
    w.at_start = true;
    wrap_words(&w, bytes_of_str(words));
    wrap_end(&w);
}

static void put_negotiated(struct text *line, const struct client_result *r)
{
    const char *version = tls_version_name(r->version);
    const char *suite = tls_cipher_suite_name(r->cipher_suite);
    const char *group = r->group == 0 ? NULL : tls_group_name(r->group);
    text_printf(line, "%s, %s", version != NULL ? version : "?", suite != NULL ? suite : "?");
    if (group != NULL) {
        text_printf(line, ", %s", group);
    }
    if (r->key_type != NULL) {
        text_printf(line, ", %s certificate", r->key_type);
    }
}

static void put_reason(struct text *line, const struct client_result *r)
{
    const char *id = cause_id(r->cause);
    text_puts(line, id != NULL ? id : "");
    text_puts(line, id != NULL ? ": " : "");
    text_puts(line, r->why != NULL ? r->why : "");
}

static void put_changes(struct text *line, const struct client_result *r)
{
    if (r->server_change != NULL) {
        text_printf(line, "server: %s", r->server_change);
    }
    if (r->client_change != NULL) {
        text_printf(line, "%sclient: %s", line->len > 0 ? "; " : "", r->client_change);
    }
}

static void put_client(struct text *out, const struct client_result *r, unsigned width)
{
    struct text line = { 0 };
    size_t indent = INDENT + ID_WIDTH + 1 + 4;
    const char *answer = r->succeeds ? "yes" : "no";
    text_printf(out, "%*s%-*s %-4s", INDENT, "", ID_WIDTH, r->client->id,
                r->is_asked ? answer : "?");
    if (r->succeeds) {
        put_negotiated(&line, r);
    } else {
        put_reason(&line, r);
    }
    put_wrapped(out, indent, width, text_str(&line));
    text_clear(&line);
    put_changes(&line, r);
    if (line.len > 0) {
        wrap_spaces(out, indent);
        put_wrapped(out, indent, width, text_str(&line));
    }
    text_deinit(&line);
}

void clients_text(struct text *out, const struct client_result *results, size_t n, unsigned width)
{
    for (size_t i = 0; i < n; i++) {
        put_client(out, &results[i], width);
    }
}

void clients_json(struct json *j, const struct client_result *results, size_t n)
{
    json_array(j, "clients");
    for (size_t i = 0; i < n; i++) {
        const struct client_result *r = &results[i];
        json_object(j, NULL);
        json_str(j, "id", r->client->id);
        json_str(j, "name", r->client->name);
        json_str(j, "source", r->client->source);
        json_bool(j, "asked", r->is_asked);
        json_bool(j, "succeeds", r->succeeds);
        json_bool(j, "uncertain", r->is_uncertain);
        json_str(j, "version", r->version == 0 ? NULL : tls_version_name(r->version));
        json_str(j, "cipher_suite",
                 r->version == 0 ? NULL : tls_cipher_suite_name(r->cipher_suite));
        json_str(j, "group", r->group == 0 ? NULL : tls_group_name(r->group));
        json_str(j, "certificate_key", r->key_type);
        json_str(j, "cause", cause_id(r->cause));
        json_str(j, "detail", r->detail);
        json_str(j, "why", r->succeeds ? NULL : r->why);
        json_str(j, "client_change", r->client_change);
        json_str(j, "server_change", r->server_change);
        json_end_object(j);
    }
    json_end_array(j);
}
