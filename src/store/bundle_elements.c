#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/bundle_parts.h"
#include "store/host_name.h"

void bundle_remark(struct bundle *b, enum remark_level level, const char *code, struct place at,
                   const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    remarks_add(&b->remarks, level, code, at, "%s", text);
}

const char *bundle_text(struct bundle *b, const xmlNode *element)
{
    const char *s = xml_text(element, &b->arena);
    b->remarks.failed |= s == NULL;
    return s == NULL ? "" : s;
}

const char *bundle_attribute(struct bundle *b, const xmlNode *element, const char *name)
{
    const char *s = xml_attribute(element, name, &b->arena);
    return s == NULL ? "" : s;
}

size_t bundle_count(const xmlNode *parent, const char *name)
{
    size_t n = 0;
    for (const xmlNode *c = xml_first(parent); c != NULL; c = xml_next(c)) {
        n += xml_is(c, name);
    }
    return n;
}

void bundle_check_children(struct bundle *b, const struct xml *xml, const xmlNode *element,
                           const struct known_child *known, size_t n_known)
{
    for (const xmlNode *c = xml_first(element); c != NULL; c = xml_next(c)) {
        size_t i = 0;
        while (i < n_known && !xml_is(c, known[i].name)) {
            i++;
        }
        if (i == n_known) {
            bundle_remark(b, REMARK_ERROR, "bundle.UnknownElement", xml_place(xml, c),
                          "<%s> is not known within <%s>", (const char *)c->name,
                          (const char *)element->name);
        } else if (known[i].is_remarked) {
            bundle_remark(b, known[i].level, "bundle.NotSupported", xml_place(xml, c), "<%s>: %s",
                          known[i].name, known[i].text);
        }
    }
}

bool bundle_number(struct bundle *b, const struct xml *xml, const xmlNode *element, uint32_t most,
                   uint32_t *out)
{
    const char *s = bundle_text(b, element);
    uint32_t n = 0;
    size_t digits = strspn(s, "0123456789");
    for (size_t i = 0; i < digits && digits <= 9; i++) {
        n = n * 10 + (uint32_t)(s[i] - '0');
    }
    if (digits == 0 || digits > 9 || s[digits] != '\0' || n > most) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", xml_place(xml, element),
                      "<%s>: a whole number from 0 to %u is wanted, not \"%.80s\"",
                      (const char *)element->name, most, s);
        return false;
    }
    *out = n;
    return true;
}

bool bundle_is_true(struct bundle *b, const struct xml *xml, const xmlNode *element)
{
    const char *s = bundle_text(b, element);
    bool is_true = strcasecmp(s, "true") == 0;
    if (!is_true && s[0] != '\0' && strcasecmp(s, "false") != 0) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", xml_place(xml, element),
                      "<%s>: true or false is wanted, not \"%.80s\"", (const char *)element->name,
                      s);
    }
    return is_true || s[0] == '\0';
}

/* [v6], a name or an IPv4 address; then ":port". */
static const char *read_authority(struct bundle *b, const char *s, size_t len,
                                  struct target_url *out)
{
    char *copy = arena_strndup(&b->arena, s, len);
    if (copy == NULL) {
        b->remarks.failed = true;
        return NULL;
    }
    char *port = copy[0] == '[' ? strchr(copy, ']') : copy;
    if (port == NULL || strchr(copy, '@') != NULL) {
        return "a host is wanted after ://, without a user";
    }
    port = strchr(port, ':');
    if (port != NULL) {
        unsigned long n = 0;
        *port++ = '\0';
        for (const char *p = port; *p >= '0' && *p <= '9' && n < 65536; p++) {
            n = n * 10 + (unsigned long)(*p - '0');
        }
        if (!name_is_valid(port, "", 5) || strspn(port, "0123456789") != strlen(port) || n == 0 ||
            n > 65535) {
            return "a port from 1 to 65535 is wanted after the host";
        }
        out->port = (uint16_t)n;
    }
    size_t host_len = strlen(copy);
    if (copy[0] == '[' && copy[host_len - 1] == ']') {
        copy[host_len - 1] = '\0';
        copy++;
    }
    out->host = copy;
    return host_is_address(copy) || host_name_is_valid(copy, false)
               ? NULL
               : "a host name or an address is wanted after ://";
}

/* What can stand in a request line without harm to the configuration that it is written into. */
static bool path_is_plain(const char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f ||
            strchr("\"\\{}<>^`|;#'$", *s)) {
            return false;
        }
    }
    return true;
}

static const char *read_url(struct bundle *b, const char *text, struct target_url *out)
{
    if (strchr(text, '{') != NULL) {
        return "a flow variable is only known while policies run, which are not executed";
    }
    const char *host = strstr(text, "://");
    out->is_tls = strncasecmp(text, "https://", 8) == 0;
    if (host == NULL || (!out->is_tls && strncasecmp(text, "http://", 7) != 0)) {
        return "http:// or https:// is wanted in front";
    }
    host += 3;
    out->port = out->is_tls ? 443 : 80;
    size_t len = strcspn(host, "/?#");
    const char *rest = host + len;
    out->path = rest[0] == '?' ? arena_printf(&b->arena, "/%s", rest)
                               : arena_strndup(&b->arena, rest, strlen(rest));
    if (out->path == NULL) {
        b->remarks.failed = true;
        return NULL;
    }
    if (!path_is_plain(out->path)) {
        return "the path has characters that no URL has unencoded (RFC 3986 section 3.3)";
    }
    return read_authority(b, host, len, out);
}

void bundle_read_url(struct bundle *b, struct place at, const char *text, struct target_url *out)
{
    *out = (struct target_url){ .text = text };
    const char *why = read_url(b, text, out);
    if (why != NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidUrl", at, "<URL> \"%.200s\": %s", text, why);
    }
}
