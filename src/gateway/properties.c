#include "gateway/properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "gateway/folder.h"
#include "store/tls_names.h"

enum file { FILE_ROUTER, FILE_PROCESSOR, FILE_MANAGEMENT, N_FILES };
enum kind {
    KIND_PROTOCOLS,
    KIND_CIPHERS,
    KIND_SUITES,
    KIND_BOOLEAN,
    KIND_SECONDS,
    KIND_MILLIS,
    KIND_COUNT
};

enum { TOKEN_MAX = 256, NUMBER_MOST = 24 * 3600 * 1000 };

struct row {
    enum file file;
    const char *token;
    enum kind kind;
    const char *otherwise;
};

static const char *const files[N_FILES] = {
    "router.properties",
    "message-processor.properties",
    "management-server.properties",
};

static const struct row rows[N_PROPERTIES] = {
#define PROPERTY(symbol, file, token, kind, otherwise)                                             \
    { FILE_##file, token, KIND_##kind, otherwise },
#include "gateway/properties.def"
};

void properties_default(struct properties *p)
{
    for (size_t i = 0; i < N_PROPERTIES; i++) {
        snprintf(p->value[i], sizeof p->value[i], "%s", rows[i].otherwise);
    }
}

/* --- values --- */

static bool is_number(const char *value, unsigned long most)
{
    char *end = NULL;
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 && n <= most;
}

static bool consists_of(const char *value, const char *characters)
{
    return value[strspn(value, characters)] == '\0';
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static const char *const expected[] = {
    [KIND_PROTOCOLS] = "names of protocols",  [KIND_CIPHERS] = "OpenSSL's cipher list",
    [KIND_SUITES] = "names of cipher suites", [KIND_BOOLEAN] = "true or false",
    [KIND_SECONDS] = "a number of seconds",   [KIND_MILLIS] = "a number of milliseconds",
    [KIND_COUNT] = "a number up to 512",
};

static bool is_as_expected(enum kind kind, const char *value)
{
    switch (kind) {
    case KIND_PROTOCOLS:
        return consists_of(value, LETTERS DIGITS "., ");
    case KIND_CIPHERS:
        return consists_of(value, LETTERS DIGITS ":!+-_@=, ");
    case KIND_SUITES:
        return consists_of(value, LETTERS DIGITS "_, :");
    case KIND_BOOLEAN:
        return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0;
    case KIND_SECONDS:
        return is_number(value, NUMBER_MOST / 1000);
    case KIND_MILLIS:
        return is_number(value, NUMBER_MOST);
    case KIND_COUNT:
        return is_number(value, 512);
    }
    return false;
}

/* --- lines --- */

struct line {
    struct properties *p;
    const char *name;
    struct text *warnings;
    unsigned number;
};

static void warn(struct line *line, const char *token, const char *what)
{
    text_printf(line->warnings, "%s:%u: ", line->name, line->number);
    text_put_safe(line->warnings, bytes_of_str(token));
    text_printf(line->warnings, ": %s\n", what);
}

static const struct row *find(const char *token)
{
    for (size_t i = 0; i < N_PROPERTIES; i++) {
        if (strcmp(rows[i].token, token) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static void set(struct line *line, const char *token, const char *value)
{
    const struct row *row = find(token);
    if (row == NULL) {
        warn(line, token, "no such token; it sets nothing");
        return;
    }
    if (strcmp(files[row->file], line->name) != 0) {
        struct text where = { 0 };
        text_printf(&where, "it belongs into %s; here it sets nothing", files[row->file]);
        warn(line, token, text_str(&where));
        text_deinit(&where);
        return;
    }
    bool is_short = strlen(value) < PROPERTY_VALUE_MAX;
    if (!is_short || !is_as_expected(row->kind, value)) {
        struct text what = { 0 };
        text_printf(&what, "%s was expected; it stays as it was",
                    is_short ? expected[row->kind] : "a shorter value");
        warn(line, token, text_str(&what));
        text_deinit(&what);
        return;
    }
    snprintf(line->p->value[row - rows], PROPERTY_VALUE_MAX, "%s", value);
}

static void trim(char *s)
{
    size_t skip = strspn(s, " \t\f");
    size_t len = strlen(s + skip);
    while (len > 0 && strchr(" \t\f\r", s[skip + len - 1]) != NULL) {
        len--;
    }
    memmove(s, s + skip, len);
    s[len] = '\0';
}

static void take_line(struct line *line, char *words)
{
    trim(words);
    if (words[0] == '\0' || words[0] == '#' || words[0] == '!') {
        return;
    }
    char *value = words + strcspn(words, "=:");
    if (*value == '\0') {
        warn(line, words, "no '=' follows; it sets nothing");
        return;
    }
    *value++ = '\0';
    trim(words);
    trim(value);
    set(line, words, value);
}

/* A line that ends with a backslash goes on in the next, without the blanks it begins with. */
static bool joins(struct text *words)
{
    if (words->len > 0 && words->p[words->len - 1] == '\r') {
        words->p[--words->len] = '\0';
    }
    size_t slashes = 0;
    while (slashes < words->len && words->p[words->len - 1 - slashes] == '\\') {
        slashes++;
    }
    if (slashes % 2 == 1) {
        words->p[--words->len] = '\0';
        return true;
    }
    return false;
}

void properties_parse(struct properties *p, const char *name, struct bytes content,
                      struct text *warnings)
{
    struct text words = { 0 };
    struct line line = { p, name, warnings, 0 };
    unsigned physical = 0;
    while (content.len > 0) {
        const uint8_t *end = memchr(content.p, '\n', content.len);
        size_t len = end == NULL ? content.len : (size_t)(end - content.p);
        physical++;
        line.number = words.len == 0 ? physical : line.number;
        struct bytes piece = bytes_head(content, len);
        while (words.len > 0 && piece.len > 0 && (piece.p[0] == ' ' || piece.p[0] == '\t')) {
            piece = bytes_skip(piece, 1);
        }
        text_put(&words, (const char *)piece.p, piece.len);
        content = bytes_skip(content, len + 1);
        if (words.len > 0 && joins(&words) && content.len > 0) {
            continue;
        }
        if (words.len > 0) {
            take_line(&line, words.p);
        }
        text_clear(&words);
    }
    text_deinit(&words);
}

enum status properties_read(struct properties *p, const struct places *places,
                            struct text *warnings, struct err *err)
{
    char path[PLACE_PATH_MAX];
    struct text content = { 0 };
    enum status st = ST_OK;
    properties_default(p);
    for (size_t i = 0; st == ST_OK && i < N_FILES; i++) {
        st = places_join(path, places->dir, files[i], err);
        if (st == ST_OK && folder_exists(path)) {
            st = folder_read(path, PROPERTIES_FILE_MAX, &content, err);
            if (st == ST_OK) {
                properties_parse(p, files[i], bytes_of(content.p, content.len), warnings);
            }
        }
    }
    text_deinit(&content);
    return st;
}

bool property_bool(const struct properties *p, enum property which)
{
    return strcasecmp(p->value[which], "true") == 0;
}

unsigned property_number(const struct properties *p, enum property which)
{
    return (unsigned)strtoul(p->value[which], NULL, 10);
}

const char *property_text(const struct properties *p, enum property which)
{
    return p->value[which];
}

unsigned property_protocols(const struct properties *p, enum property which)
{
    char word[32];
    unsigned bits = 0;
    const char *at = property_text(p, which);
    while (*at != '\0') {
        enum tls_protocol one;
        size_t len = strcspn(at, " ,");
        bool fits = bytes_copy(word, sizeof word - 1, bytes_of(at, len));
        word[fits ? len : 0] = '\0';
        if (len > 0 && tls_protocol_find(word, &one) == TLS_NAME_KNOWN) {
            bits |= (unsigned)one;
        }
        at += len;
        at += strspn(at, " ,");
    }
    return bits;
}
