/* Which rule keeps the names of a leaf from being the host asked for. */
#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/idn.h"
#include "x509/store.h"

static const struct {
    const char *id, *says;
} rules[X509_N_NAME_RULES] = {
#define X509_NAME_RULE(symbol, id, says) { id, says },
#include "x509/name_rules.def"
};

struct asked {
    char ascii[HOST_MAX + 1]; /* lower case, A-labels, no final dot */
    bool is_address;
    uint8_t ip[16];
    size_t ip_len;
};

const char *x509_name_rule_id(enum x509_name_rule rule)
{
    return (unsigned)rule < X509_N_NAME_RULES ? rules[rule].id : "";
}

const char *x509_name_rule_says(enum x509_name_rule rule)
{
    return (unsigned)rule < X509_N_NAME_RULES ? rules[rule].says : "";
}

/* The part below the first label, with its dot; "" where there is none. */
static const char *parent(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot == NULL ? "" : dot;
}

static bool ends_with(const char *name, const char *tail)
{
    size_t n = strlen(name);
    size_t t = strlen(tail);
    return t <= n && strcasecmp(name + n - t, tail) == 0;
}

/* "*" as any run of characters but dots, wherever it stands: what its maker meant. */
static bool is_meant(const char *pattern, const char *host)
{
    const char *star = NULL;
    const char *tried = NULL;
    while (*host != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            tried = host;
        } else if (tolower((unsigned char)*pattern) == tolower((unsigned char)*host)) {
            pattern++;
            host++;
        } else if (star != NULL && *tried != '.') {
            pattern = star + 1;
            host = ++tried;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static enum x509_name_rule rule_of_wildcard(const char *name, const char *host)
{
    bool is_whole_label = name[0] == '*' && name[1] == '.' && strchr(name + 1, '*') == NULL;
    if (!is_whole_label) {
        return is_meant(name, host) ? X509_NAME_WILDCARD_PLACE : X509_NAME_OTHER;
    }
    const char *tail = name + 1;
    if (strchr(tail + 1, '.') == NULL) { /* "*.com" */
        return ends_with(host, tail) ? X509_NAME_WILDCARD_SUFFIX : X509_NAME_OTHER;
    }
    if (strcasecmp(parent(host), tail) == 0) {
        return X509_NAME_MATCHES;
    }
    bool is_near = ends_with(host, tail) || strcasecmp(host, tail + 1) == 0;
    return is_near ? X509_NAME_WILDCARD_DEPTH : X509_NAME_OTHER;
}

static enum x509_name_rule rule_of_text(const char *name, const char *host)
{
    if (strcasecmp(name, host) == 0) {
        return X509_NAME_MATCHES;
    }
    return strchr(name, '*') == NULL ? X509_NAME_OTHER : rule_of_wildcard(name, host);
}

/* A host name as certificates ought to hold it; and if it is not held so, whether it is meant. */
static enum x509_name_rule rule_of_dns(struct bytes held, const struct asked *a)
{
    char name[HOST_MAX + 1];
    bool has_dot = held.len > 1 && held.p[held.len - 1] == '.';
    bool is_ascii = true;
    for (size_t i = 0; i < held.len; i++) {
        is_ascii = is_ascii && held.p[i] < 0x80;
    }
    if (!idn_to_ascii(bytes_head(held, held.len - (has_dot ? 1 : 0)), name, sizeof name)) {
        return X509_NAME_OTHER;
    }
    enum x509_name_rule rule = rule_of_text(name, a->ascii);
    if (a->is_address) {
        return rule == X509_NAME_MATCHES ? X509_NAME_IP_AS_DNS : X509_NAME_OTHER;
    }
    if (rule == X509_NAME_MATCHES && (has_dot || !is_ascii)) {
        return has_dot ? X509_NAME_TRAILING_DOT : X509_NAME_IDN_FORM;
    }
    return rule;
}

static enum x509_name_rule rule_of_name(int type, struct bytes held, const struct asked *a)
{
    if (type == GEN_DNS) {
        return rule_of_dns(held, a);
    }
    if (!a->is_address) {
        return X509_NAME_OTHER;
    }
    return bytes_equal(held, bytes_of(a->ip, a->ip_len)) ? X509_NAME_MATCHES : X509_NAME_IP_OTHER;
}

/* 0: a name that has nothing to do with the host. */
static bool is_near(enum x509_name_rule rule)
{
    return rule != X509_NAME_OTHER && rule != X509_NAME_IP_OTHER && rule != X509_NAME_NOTHING;
}

/* Those near come first; when there is no room a far one gives way. */
static void put(struct x509_host_check *out, const char *name, enum x509_name_rule rule)
{
    size_t at = out->n;
    while (is_near(rule) && at > 0 && !is_near(out->names[at - 1].rule)) {
        at--;
    }
    if (at == X509_NAMES_MAX) {
        return;
    }
    size_t n = out->n < X509_NAMES_MAX ? out->n + 1 : out->n;
    for (size_t i = n - 1; i > at; i--) {
        out->names[i] = out->names[i - 1];
    }
    out->names[at] = (struct x509_name_check){ name, rule };
    out->n = n;
}

static const char *say_name(struct x509_chain *chain, const GENERAL_NAME *name)
{
    struct text t = { 0 };
    (void)general_name_put(&t, name);
    const char *said = chain_say(chain, "(a name)", "%.255s", text_str(&t));
    text_deinit(&t);
    return said;
}

static void check_names(struct x509_chain *chain, const struct asked *a,
                        struct x509_host_check *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(chain->certs[0]->x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
        if (type != GEN_DNS && type != GEN_IPADD) {
            continue;
        }
        struct bytes held =
            bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
        enum x509_name_rule rule = rule_of_name(type, held, a);
        if (out->n < X509_NAMES_MAX || is_near(rule)) {
            put(out, say_name(chain, name), rule);
        }
    }
    GENERAL_NAMES_free(names);
}

static void check_common_name(const struct x509_chain *chain, const struct asked *a,
                              struct x509_host_check *out)
{
    const char *cn = cert_facts(chain->certs[0])->common_name;
    enum x509_name_rule rule = rule_of_dns(bytes_of_str(cn), a);
    bool is_host = rule == X509_NAME_MATCHES || rule == X509_NAME_IP_AS_DNS;
    if (is_host && (out->n == 0 || !is_near(out->names[0].rule))) {
        put(out, cn, X509_NAME_COMMON_NAME);
    }
}

static void check(struct x509_chain *chain, const struct asked *a, struct x509_host_check *out)
{
    check_names(chain, a, out);
    if (!out->is_named) {
        check_common_name(chain, a, out);
    }
    for (size_t i = 0; i < out->n; i++) { /* the last word is X509_check_host()'s */
        if (!out->is_named && out->names[i].rule == X509_NAME_MATCHES) {
            out->names[i].rule = X509_NAME_OTHER;
        }
    }
    out->rule = out->n == 0 ? X509_NAME_NOTHING : out->names[0].rule;
    if (out->is_named) {
        out->rule = X509_NAME_MATCHES;
    }
}

void x509_check_host(const struct x509_chain *chain, const char *host, struct x509_host_check *out)
{
    struct asked a = { .ip_len = 0 };
    *out = (struct x509_host_check){ .rule = X509_NAME_NOTHING };
    if (chain->n == 0 || chain->certs[0]->x == NULL || !host_normalize(host, a.ascii) ||
        a.ascii[0] == '\0') {
        return;
    }
    ERR_set_mark();
    a.is_address = host_to_ip(a.ascii, a.ip, &a.ip_len);
    out->is_named = x509_names_host(chain, host);
    check((struct x509_chain *)(uintptr_t)chain, &a, out); /* for its texts */
    ERR_pop_to_mark();
}
