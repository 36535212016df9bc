#include "api/form.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static struct bytes trim(struct bytes b)
{
    while (b.len > 0 && (b.p[0] == ' ' || b.p[0] == '\t')) {
        b = bytes_skip(b, 1);
    }
    while (b.len > 0 && (b.p[b.len - 1] == ' ' || b.p[b.len - 1] == '\t')) {
        b.len--;
    }
    return b;
}

static struct bytes cut(struct bytes *rest, char at)
{
    const uint8_t *p = rest->len == 0 ? NULL : memchr(rest->p, at, rest->len);
    struct bytes head = bytes_head(*rest, p == NULL ? rest->len : (size_t)(p - rest->p));
    *rest = bytes_skip(*rest, head.len + (p == NULL ? 0 : 1));
    return trim(head);
}

static bool same_word(struct bytes b, const char *word)
{
    return b.len == strlen(word) && strncasecmp((const char *)b.p, word, b.len) == 0;
}

/* Thousandths of a weight, "q=0.5"; without one 1000. RFC 9110 section 12.4.2. */
static unsigned weight(struct bytes parameters)
{
    while (parameters.len > 0) {
        struct bytes one = cut(&parameters, ';');
        if (one.len < 3 || (one.p[0] != 'q' && one.p[0] != 'Q') || one.p[1] != '=') {
            continue;
        }
        unsigned q = one.p[2] == '1' ? 1000 : 0;
        unsigned unit = 100;
        for (size_t i = 4; i < one.len && one.p[i] >= '0' && one.p[i] <= '9' && q < 1000; i++) {
            q += (unsigned)(one.p[i] - '0') * unit;
            unit /= 10;
        }
        return q;
    }
    return 1000;
}

/* "application/vnd.x+json" is JSON as well, RFC 6839. */
static bool is_form(struct bytes type, const char *word)
{
    size_t len = strlen(word);
    if (type.len <= len || strncasecmp((const char *)type.p + type.len - len, word, len) != 0) {
        return false;
    }
    uint8_t before = type.p[type.len - len - 1];
    return before == '/' || before == '+';
}

enum api_form api_form_of(const char *header, enum api_form otherwise)
{
    struct bytes left = header == NULL ? bytes_of(NULL, 0) : bytes_of_str(header);
    unsigned best = 0;
    enum api_form form = otherwise;
    while (left.len > 0) {
        struct bytes parameters = cut(&left, ',');
        struct bytes type = cut(&parameters, ';');
        bool json = is_form(type, "json");
        if (!json && !is_form(type, "xml")) {
            continue;
        }
        unsigned q = weight(parameters);
        if (q > best) {
            best = q;
            form = json ? API_JSON : API_XML;
        }
    }
    return form;
}

/* "a/b" fits "a/b", "a/" followed by a star, and two stars. */
static unsigned how_exact(struct bytes range, const char *type)
{
    const char *slash = strchr(type, '/');
    size_t family = slash == NULL ? 0 : (size_t)(slash - type) + 1;
    if (same_word(range, type)) {
        return 3;
    }
    if (range.len == family + 1 && range.p[family] == '*' &&
        strncasecmp((const char *)range.p, type, family) == 0) {
        return 2;
    }
    return same_word(range, "*/*") ? 1 : 0;
}

bool api_accepts(const char *header, const char *type)
{
    struct bytes left = header == NULL ? bytes_of(NULL, 0) : trim(bytes_of_str(header));
    if (left.len == 0) {
        return true;
    }
    unsigned exact = 0;
    unsigned q = 0;
    while (left.len > 0) { /* the most exact range decides, RFC 9110 section 12.5.1 */
        struct bytes parameters = cut(&left, ',');
        struct bytes range = cut(&parameters, ';');
        unsigned fits = how_exact(range, type);
        if (fits > exact) {
            exact = fits;
            q = weight(parameters);
        }
    }
    return q > 0;
}
