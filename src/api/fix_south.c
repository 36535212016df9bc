/* Fixes of failures between the Message Processor and a backend. */
#include "api/fix_parts.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "x509/x509.h"

enum { NAME_BYTES = 2048, AUTHORITIES_MAX = 64 };

static bool is_cause(const struct fixing *f, const char *id)
{
    return strcmp(f->event->cause, id) == 0;
}

static bool is_party(const struct fixing *f, const char *party)
{
    return strcmp(f->event->party, party) == 0;
}

/* sSLInfo, made where there is none. Borrowed. */
static json_t *ssl_of(json_t *target)
{
    json_t *ssl = json_object_get(target, "sSLInfo");
    if (!json_is_object(ssl)) {
        json_object_set_new(target, "sSLInfo", json_pack("{s:s}", "enabled", "true"));
        ssl = json_object_get(target, "sSLInfo");
    }
    return ssl;
}

static void put_target(struct fixing *f, bool is_workaround, const json_t *target, const char *why)
{
    fix_put_document(f, is_workaround ? &f->out->workaround : &f->out->fix, "targetservers",
                     f->event->target, target, "%s", why);
}

static const char *say(struct fixing *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static const char *say(struct fixing *f, const char *fmt, ...)
{
    struct text out = { 0 };
    char line[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    text_puts(&out, line);
    const char *copy = arena_strndup(f->arena, text_str(&out), out.len);
    text_deinit(&out);
    return copy == NULL ? "" : copy;
}
