/* A host and the names of a certificate: by which of the verifiers' rules do they fit? */
#include <arpa/inet.h>
#include <ctype.h>

#include <openssl/x509v3.h>

#include "check/verifier_view.h"
#include "x509/idn.h"

enum { HOST_MAX = 255, LABELS_MAX = 64 };

struct labels {
    size_t n;
    struct bytes list[LABELS_MAX];
};

struct wanted {
    char text[HOST_MAX + 1]; /* A-labels, without brackets and final dot */
    bool is_address, had_dot;
    uint8_t ip[16];
    size_t ip_len;
};

static void need(struct name_way *way, enum verifier_rule rule)
{
    for (size_t i = 0; i < way->n; i++) {
        if (way->needs[i] == rule) {
            return;
        }
    }
    if (way->n < NAME_NEEDS_MAX) {
        way->needs[way->n++] = rule;
    }
}

static bool want(const char *host, struct wanted *out)
{
    struct bytes b = bytes_of_str(host);
    *out = (struct wanted){ .had_dot = false };
    if (b.len > 2 && b.p[0] == '[' && b.p[b.len - 1] == ']') {
        b = bytes_skip(bytes_head(b, b.len - 1), 1);
    } else if (b.len > 1 && b.p[b.len - 1] == '.') {
        b = bytes_head(b, b.len - 1);
        out->had_dot = true;
    }
    if (b.len == 0 || !idn_to_ascii(b, out->text, sizeof out->text)) {
        return false;
    }
    bool is_v4 = inet_pton(AF_INET, out->text, out->ip) == 1;
    out->is_address = is_v4 || inet_pton(AF_INET6, out->text, out->ip) == 1;
    out->ip_len = is_v4 ? 4 : 16;
    return out->text[0] != '.' && strchr(out->text, '*') == NULL;
}

static bool split(struct bytes name, struct labels *out)
{
    out->n = 0;
    for (;;) {
        const uint8_t *dot = name.len == 0 ? NULL : memchr(name.p, '.', name.len);
        size_t len = dot == NULL ? name.len : (size_t)(dot - name.p);
        if (out->n == LABELS_MAX || len == 0) {
            return false;
        }
        out->list[out->n++] = bytes_head(name, len);
        if (dot == NULL) {
            return true;
        }
        name = bytes_skip(name, len + 1);
    }
}

static bool is_same_text(struct bytes a, struct bytes b)
{
    for (size_t i = 0; i < a.len && a.len == b.len; i++) {
        if (tolower(a.p[i]) != tolower(b.p[i])) {
            return false;
        }
    }
    return a.len == b.len;
}

/* One label against its pattern; `*` stands for any letters, once. */
static bool fits_label(struct bytes pattern, struct bytes label, struct name_way *way)
{
    const uint8_t *star = pattern.len == 0 ? NULL : memchr(pattern.p, '*', pattern.len);
    if (star == NULL) {
        return is_same_text(pattern, label);
    }
    size_t head = (size_t)(star - pattern.p);
    size_t tail = pattern.len - head - 1;
    if (memchr(star + 1, '*', tail) != NULL || head + tail > label.len) {
        return false;
    }
    bool is_part = head + tail > 0;
    if (is_part && label.len >= 4 && is_same_text(bytes_head(label, 4), BYTES("xn--"))) {
        return false; /* RFC 9525 section 6.3: never within an A-label */
    }
    if (head > 0) {
        need(way, RULE_NAME_WILD_TAIL);
    }
    if (tail > 0) {
        need(way, RULE_NAME_WILD_HEAD);
    }
    return is_same_text(bytes_head(pattern, head), bytes_head(label, head)) &&
           is_same_text(bytes_skip(pattern, head + 1), bytes_skip(label, label.len - tail));
}

/* A wildcard in the label `at` of n. */
static void take_wildcard(size_t at, size_t n, struct name_way *way)
{
    if (at > 0) {
        need(way, RULE_NAME_WILD_DEEPER);
    } else if (n <= 2) {
        need(way, n == 1 ? RULE_NAME_WILD_ALONE : RULE_NAME_WILD_TOP);
    }
}

static bool fits_name(struct bytes name, const struct wanted *host, struct name_way *way)
{
    struct labels patterns, labels;
    if (name.len > 1 && name.p[name.len - 1] == '.') {
        name = bytes_head(name, name.len - 1);
        need(way, RULE_NAME_DOT);
    }
    if (!split(name, &patterns) || !split(bytes_of_str(host->text), &labels) ||
        patterns.n != labels.n) {
        return false;
    }
    for (size_t i = 0; i < patterns.n; i++) {
        if (!fits_label(patterns.list[i], labels.list[i], way)) {
            return false;
        }
        if (memchr(patterns.list[i].p, '*', patterns.list[i].len) != NULL) {
            take_wildcard(i, patterns.n, way);
        }
    }
    return true;
}

static void take_spelling(const struct wanted *host, struct name_way *way)
{
    if (host->had_dot) {
        need(way, RULE_NAME_HOST_DOT);
    }
    if (strchr(host->text, '_') != NULL) {
        need(way, RULE_NAME_UNDERSCORE);
    }
}

static void put_way(struct name_ways *out, const struct name_way *way)
{
    if (out->n < NAME_WAYS_MAX) {
        out->list[out->n++] = *way;
    }
}

static struct bytes string_of(const ASN1_STRING *s)
{
    int len = s == NULL ? 0 : ASN1_STRING_length(s);
    return len <= 0 ? bytes_of(NULL, 0) : bytes_of(ASN1_STRING_get0_data(s), (size_t)len);
}

struct held {
    bool has_dns, has_ip;
};

static void try_alternative(const GENERAL_NAME *name, const struct wanted *host, struct held *held,
                            struct name_ways *out)
{
    int type;
    struct bytes value = string_of(GENERAL_NAME_get0_value(name, &type));
    struct name_way way = { .n = 0 };
    held->has_dns = held->has_dns || type == GEN_DNS;
    held->has_ip = held->has_ip || type == GEN_IPADD;
    if (host->is_address) {
        if (type == GEN_IPADD && bytes_equal(value, bytes_of(host->ip, host->ip_len))) {
            put_way(out, &way);
        }
    } else if (type == GEN_DNS && fits_name(value, host, &way)) {
        take_spelling(host, &way);
        put_way(out, &way);
    }
}

static void try_common_name(struct bytes value, const struct wanted *host, const struct held *held,
                            struct name_ways *out)
{
    struct name_way way = { .n = 0 };
    if (host->is_address) {
        need(&way, RULE_NAME_CN_ADDRESS);
        if (is_same_text(value, bytes_of_str(host->text))) {
            put_way(out, &way);
        }
        return;
    }
    need(&way, held->has_ip ? RULE_NAME_CN_BESIDE_IP : RULE_NAME_CN);
    if (!held->has_dns && fits_name(value, host, &way)) {
        take_spelling(host, &way);
        put_way(out, &way);
    }
}

static void try_common_names(const X509 *leaf, const struct wanted *host, const struct held *held,
                             struct name_ways *out)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    for (int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); i >= 0;
         i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) {
        unsigned char *text = NULL;
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
        int len = ASN1_STRING_to_UTF8(&text, value);
        if (len > 0) {
            try_common_name(bytes_of(text, (size_t)len), host, held, out);
        }
        OPENSSL_free(text);
    }
}

void name_ways_find(const X509 *leaf, const char *host, struct name_ways *out)
{
    struct wanted wanted;
    struct held held = { false, false };
    out->n = 0;
    if (!want(host, &wanted)) {
        return;
    }
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        try_alternative(sk_GENERAL_NAME_value(names, i), &wanted, &held, out);
    }
    GENERAL_NAMES_free(names);
    try_common_names(leaf, &wanted, &held, out);
}
