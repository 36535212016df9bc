#include "probe/policy_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "tls/names.h"

enum { FILE_MAX_BYTES = 1 << 20, NUMBER_MAX = 1000000 };

static const struct {
    const char *name, *text;
} ready_made[] = {
#define POLICY(name, text) { name, text },
#include "probe/policy.def"
};

static const char *const keys[POLICY_N_KEYS] = {
    [POLICY_VERSIONS] = "versions",
    [POLICY_REQUIRED_VERSIONS] = "required-versions",
    [POLICY_SUITES] = "cipher-suites",
    [POLICY_REQUIRED_SUITES] = "required-cipher-suites",
    [POLICY_GROUPS] = "groups",
    [POLICY_REQUIRED_GROUPS] = "required-groups",
    [POLICY_SIGNATURES] = "signature-algorithms",
    [POLICY_CERTIFICATE_KEYS] = "certificate-keys",
    [POLICY_CERTIFICATE_SIGNATURES] = "certificate-signatures",
    [POLICY_CERTIFICATE_DAYS] = "certificate-days",
    [POLICY_DH_BITS] = "dh-bits",
    [POLICY_ORDER] = "order",
    [POLICY_REQUIRE] = "require",
    [POLICY_FORBID] = "forbid",
};

static const char *const features[POLICY_N_FEATURES] = {
    [FEATURE_STAPLING] = "stapling",
    [FEATURE_EMS] = "extended-master-secret",
    [FEATURE_RENEGOTIATION] = "secure-renegotiation",
    [FEATURE_COMPRESSION] = "compression",
    [FEATURE_EARLY_DATA] = "early-data",
    [FEATURE_TICKETS] = "tickets",
    [FEATURE_FALLBACK] = "fallback-scsv",
    [FEATURE_DEFAULT_CERTIFICATE] = "default-certificate",
};

const char *policy_key_name(enum policy_key key)
{
    return keys[key];
}

const char *policy_feature_name(enum policy_feature feature)
{
    return features[feature];
}

/* --- values --- */

struct place {
    const char *name; /* of the policy */
    unsigned line;
    enum policy_key key;
    struct err *err;
};

static enum status wrong(const struct place *at, const char *word, const char *why)
{
    return err_set(at->err, ST_USAGE, "%.200s, line %u: %s: '%.80s': %s", at->name, at->line,
                   keys[at->key], word, why);
}

static const uint16_t suite_values[] = {
#define SUITE(value, ...) value,
#include "tls/cipher_suites.def"
};
static const uint16_t version_values[] = {
#define VERSION(value, name) value,
#include "tls/versions.def"
};
static const uint16_t group_values[] = {
#define GROUP(value, name) value,
#include "tls/groups.def"
};
static const uint16_t signature_values[] = {
#define SIGNATURE(value, name) value,
#include "tls/signature_algorithms.def"
};

struct registry {
    const uint16_t *values;
    size_t n;
    const char *(*name_of)(uint16_t value);
};

static bool find_value(const struct registry *r, const char *word, uint16_t *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const char *name = r->name_of(r->values[i]);
        if (name != NULL && strcasecmp(name, word) == 0) {
            *out = r->values[i];
            return true;
        }
    }
    return false;
}

static const char *suite_by_openssl(uint16_t v)
{
    const struct tls_cipher_suite *s = tls_cipher_suite(v);
    return s == NULL ? NULL : s->openssl;
}

static bool value_of(enum policy_key key, const char *word, uint16_t *out)
{
    static const struct registry versions = { version_values, ARRAY_LEN(version_values),
                                              tls_version_name };
    static const struct registry suites = { suite_values, ARRAY_LEN(suite_values),
                                            tls_cipher_suite_name };
    static const struct registry openssl = { suite_values, ARRAY_LEN(suite_values),
                                             suite_by_openssl };
    static const struct registry groups = { group_values, ARRAY_LEN(group_values), tls_group_name };
    static const struct registry signatures = { signature_values, ARRAY_LEN(signature_values),
                                                tls_signature_algorithm_name };
    switch (key) {
    case POLICY_VERSIONS:
    case POLICY_REQUIRED_VERSIONS:
        return find_value(&versions, word, out);
    case POLICY_SUITES:
    case POLICY_REQUIRED_SUITES:
        return find_value(&suites, word, out) || find_value(&openssl, word, out);
    case POLICY_GROUPS:
    case POLICY_REQUIRED_GROUPS:
        return find_value(&groups, word, out);
    case POLICY_SIGNATURES:
        return find_value(&signatures, word, out);
    case POLICY_CERTIFICATE_KEYS:
    case POLICY_CERTIFICATE_SIGNATURES:
    case POLICY_CERTIFICATE_DAYS:
    case POLICY_DH_BITS:
    case POLICY_ORDER:
    case POLICY_REQUIRE:
    case POLICY_FORBID:
    case POLICY_N_KEYS:
        return false;
    }
    return false;
}

static enum status add_value(struct policy *p, const struct place *at, const char *word)
{
    uint16_t value = 0;
    struct policy_list *list = &p->lists[at->key];
    if (!value_of(at->key, word, &value)) {
        return wrong(at, word, "no such name in the registry");
    }
    if (list->n == POLICY_LIST_MAX) {
        return wrong(at, word, "too many values");
    }
    list->values[list->n++] = value;
    return ST_OK;
}

static enum status add_word(struct policy *p, const struct place *at, const char *word)
{
    struct policy_words *w =
        at->key == POLICY_CERTIFICATE_KEYS ? &p->certificate_keys : &p->certificate_signatures;
    if (w->n == POLICY_WORDS_MAX || strlen(word) >= POLICY_WORD_BYTES) {
        return wrong(at, word, "too many values, or too long");
    }
    bytes_copy(w->list[w->n++], POLICY_WORD_BYTES - 1, bytes_of_str(word));
    return ST_OK;
}

static enum status set_number(const struct place *at, const char *word, unsigned *out)
{
    char *end = NULL;
    unsigned long v = strtoul(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || v == 0 || v > NUMBER_MAX) {
        return wrong(at, word, "it is a number");
    }
    *out = (unsigned)v;
    return ST_OK;
}

static enum status set_order(struct policy *p, const struct place *at, const char *word)
{
    bool is_server = strcmp(word, "server") == 0;
    if (!is_server && strcmp(word, "client") != 0) {
        return wrong(at, word, "it is server or client");
    }
    p->order = is_server ? SURVEY_ORDER_SERVER : SURVEY_ORDER_CLIENT;
    return ST_OK;
}

static enum status add_feature(const struct place *at, const char *word, bool *set)
{
    for (size_t i = 0; i < POLICY_N_FEATURES; i++) {
        if (strcmp(word, features[i]) == 0) {
            set[i] = true;
            return ST_OK;
        }
    }
    return wrong(at, word, "no feature that is known");
}

static enum status take_word(struct policy *p, const struct place *at, const char *word)
{
    switch (at->key) {
    case POLICY_VERSIONS:
    case POLICY_REQUIRED_VERSIONS:
    case POLICY_SUITES:
    case POLICY_REQUIRED_SUITES:
    case POLICY_GROUPS:
    case POLICY_REQUIRED_GROUPS:
    case POLICY_SIGNATURES:
        return add_value(p, at, word);
    case POLICY_CERTIFICATE_KEYS:
    case POLICY_CERTIFICATE_SIGNATURES:
        return add_word(p, at, word);
    case POLICY_CERTIFICATE_DAYS:
        return set_number(at, word, &p->certificate_days);
    case POLICY_DH_BITS:
        return set_number(at, word, &p->dh_bits);
    case POLICY_ORDER:
        return set_order(p, at, word);
    case POLICY_REQUIRE:
        return add_feature(at, word, p->requires);
    case POLICY_FORBID:
        return add_feature(at, word, p->forbids);
    case POLICY_N_KEYS:
        break;
    }
    return ST_OK;
}

/* --- lines --- */

static struct bytes trim(struct bytes b)
{
    while (b.len > 0 && (b.p[0] == ' ' || b.p[0] == '\t')) {
        b = bytes_skip(b, 1);
    }
    while (b.len > 0 &&
           (b.p[b.len - 1] == ' ' || b.p[b.len - 1] == '\t' || b.p[b.len - 1] == '\r')) {
        b = bytes_head(b, b.len - 1);
    }
    return b;
}

/* Cuts off what stands before the separator, or all of it. */
static struct bytes cut(struct bytes *b, char separator)
{
    const uint8_t *at = b->len == 0 ? NULL : memchr(b->p, separator, b->len);
    struct bytes head = at == NULL ? *b : bytes_head(*b, (size_t)(at - b->p));
    *b = at == NULL ? bytes_of(NULL, 0) : bytes_skip(*b, head.len + 1);
    return trim(head);
}

static bool find_key(struct bytes word, enum policy_key *out)
{
    for (size_t i = 0; i < POLICY_N_KEYS; i++) {
        if (bytes_equal(word, bytes_of_str(keys[i]))) {
            *out = (enum policy_key)i;
            return true;
        }
    }
    return false;
}

static enum status read_line(struct policy *p, struct place *at, struct bytes line)
{
    char word[POLICY_WORD_BYTES] = { 0 };
    struct bytes left = line;
    struct bytes content = cut(&left, '#');
    if (content.len == 0) {
        return ST_OK;
    }
    struct bytes key = cut(&content, ':');
    if (!find_key(key, &at->key)) {
        return err_set(at->err, ST_USAGE, "%.200s, line %u: '%.*s' is no rule of a policy",
                       at->name, at->line, (int)bytes_head(key, 60).len, (const char *)key.p);
    }
    p->is_set[at->key] = true;
    while (content.len > 0) {
        struct bytes value = cut(&content, ',');
        memset(word, 0, sizeof word);
        if (value.len > 0 && !bytes_copy(word, sizeof word - 1, value)) {
            return wrong(at, "...", "too long");
        }
        if (value.len > 0) {
            TRY(take_word(p, at, word));
        }
    }
    return ST_OK;
}

static enum status read_text(struct policy *p, struct bytes text, struct err *err)
{
    struct place at = { .name = p->name, .err = err };
    while (text.len > 0) {
        at.line++;
        TRY(read_line(p, &at, cut(&text, '\n')));
    }
    return ST_OK;
}

static enum status read_stream(struct policy *p, FILE *file, const char *path, struct err *err)
{
    struct text text = { 0 };
    char buffer[4096];
    for (size_t n = fread(buffer, 1, sizeof buffer, file); n > 0 && text.len < FILE_MAX_BYTES;
         n = fread(buffer, 1, sizeof buffer, file)) {
        text_put(&text, buffer, n);
    }
    enum status st = ST_OK;
    if (ferror(file) != 0) {
        st = err_sys(err, "%s", path);
    } else if (text.len >= FILE_MAX_BYTES || text.failed) {
        st = err_set(err, ST_USAGE, "%.200s: too long for a policy", path);
    } else {
        st = read_text(p, bytes_of(text.p, text.len), err);
    }
    text_deinit(&text);
    return st;
}

static enum status read_policy(struct policy *p, const char *name, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(ready_made); i++) {
        if (strcmp(name, ready_made[i].name) == 0) {
            return read_text(p, bytes_of_str(ready_made[i].text), err);
        }
    }
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        int why = errno;
        return err_set(err, ST_USAGE, "--policy %.200s: %s (ready made: modern, intermediate, old)",
                       name, strerror(why));
    }
    enum status st = read_stream(p, file, name, err);
    fclose(file);
    return st;
}

enum status policy_open(const char *name, struct policy **out, struct err *err)
{
    struct policy *p = calloc(1, sizeof *p);
    if (p == NULL || !bytes_copy(p->name, sizeof p->name - 1,
                                 bytes_head(bytes_of_str(name), sizeof p->name - 1))) {
        free(p);
        return err_set(err, ST_NOMEM, "no memory");
    }
    enum status st = read_policy(p, name, err);
    if (st != ST_OK) {
        policy_free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

void policy_free(struct policy *p)
{
    free(p);
}
