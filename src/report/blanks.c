#include "report/blanks.h"

#include "base/clock.h"
#include "base/status.h"
#include "report/describe.h"
#include "tls/names.h"

enum { LIST_SHOWN_MAX = 4 };

struct about {
    const struct transcript *t;
    const struct verdict *v;
};

struct blank {
    const char *name;
    bool (*put)(struct text *out, const struct about *a);
    const char *otherwise; /* NULL: leave the row out */
};

/* Can it be pasted into a shell and a configuration without doing anything there? */
static bool is_pasteable(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.p[i];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_alnum && (c == '\0' || strchr(".-_*:/", c) == NULL)) {
            return false;
        }
    }
    return b.len > 0 && b.p[0] != '-' && b.len <= 255;
}

static bool put_pasteable(struct text *out, const char *s)
{
    if (s == NULL || !is_pasteable(bytes_of_str(s))) {
        return false;
    }
    text_puts(out, s);
    return true;
}

static bool put_text(struct text *out, const char *s)
{
    if (s == NULL || s[0] == '\0') {
        return false;
    }
    text_puts(out, s);
    return true;
}

/* --- the ends --- */

static bool put_name(struct text *out, const struct about *a)
{
    return put_pasteable(out, a->t->server_name);
}

static bool put_host(struct text *out, const struct about *a)
{
    if (put_name(out, a) || put_pasteable(out, a->t->proxied_host)) {
        return true;
    }
    if (a->t->server_name != NULL || a->t->server.family == 0) {
        return false; /* a name that is not fit to paste */
    }
    endpoint_put_host(out, &a->t->server);
    return true;
}

static bool put_server(struct text *out, const struct about *a)
{
    if (a->t->server.family == 0) {
        return false;
    }
    endpoint_put(out, &a->t->server);
    return true;
}

static bool put_client_host(struct text *out, const struct about *a)
{
    if (a->t->client.family == 0) {
        return false;
    }
    endpoint_put_host(out, &a->t->client);
    return true;
}

static bool put_server_host(struct text *out, const struct about *a)
{
    if (a->t->server.family == 0) {
        return false;
    }
    endpoint_put_host(out, &a->t->server);
    return true;
}

static bool put_port(struct text *out, const struct about *a)
{
    if (a->t->server.port == 0) {
        return false;
    }
    text_put_u64(out, a->t->server.port);
    return true;
}

/* --- versions --- */

static bool put_offered(struct text *out, const struct about *a)
{
    return a->t->hello != NULL && describe_offered_versions(out, a->t->hello);
}

static bool put_version(struct text *out, const struct about *a)
{
    return a->t->version != 0 && put_text(out, tls_version_name(a->t->version));
}

/* The version that the server is known to speak: its ServerHello's, or that of the record which
 * carried its refusal. */
static uint16_t version_of_server(const struct transcript *t)
{
    const struct event *alert = t->side[SIDE_SERVER].first_alert;
    return t->version != 0 ? t->version : alert != NULL ? alert->version : 0;
}

static bool put_jsse_version(struct text *out, const struct about *a)
{
    static const char *const names[] = { "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };
    uint16_t version = version_of_server(a->t);
    uint16_t min = 0;
    uint16_t max = 0;
    bool is_news = a->t->hello != NULL && tls_offered_versions(a->t->hello, &min, &max) &&
                   (version < min || version > max);
    if (version < 0x0300 || version > 0x0304 || (a->t->version == 0 && !is_news)) {
        return false;
    }
    text_puts(out, names[version - 0x0300]);
    return true;
}

static bool put_max_offered(struct text *out, const struct about *a)
{
    uint16_t min = 0;
    uint16_t max = 0;
    return a->t->hello != NULL && tls_offered_versions(a->t->hello, &min, &max) &&
           put_text(out, tls_version_name(max));
}

static bool put_hello_bytes(struct text *out, const struct about *a)
{
    if (a->t->hello_event == NULL || a->t->hello_event->body.len == 0) {
        return false;
    }
    text_put_u64(out, a->t->hello_event->body.len);
    return true;
}

/* --- suites, groups, signature algorithms, ALPN --- */

enum suite_choice { SUITES_STRONG_OPENSSL, SUITES_STRONG_NAMES, SUITES_ALL };

static const char *suite_chosen(uint16_t value, enum suite_choice choice)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(value);
    if (suite == NULL || tls_cipher_suite_is_scsv(value)) {
        return NULL;
    }
    if (choice == SUITES_ALL) {
        return suite->openssl != NULL ? suite->openssl : suite->name;
    }
    if (tls_cipher_suite_is_weak(value) || suite->needs_tls13) {
        return NULL;
    }
    return choice == SUITES_STRONG_NAMES ? suite->name : suite->openssl;
}

static bool put_suites(struct text *out, const struct about *a, enum suite_choice choice,
                       char separator)
{
    if (a->t->hello == NULL || a->t->hello->is_sslv2) {
        return false;
    }
    struct bytes list = a->t->hello->cipher_suites;
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(list) && n < LIST_SHOWN_MAX; i++) {
        const char *name = suite_chosen(tls_u16_at(list, i), choice);
        if (name != NULL) {
            if (n > 0) {
                text_putc(out, separator);
            }
            text_puts(out, name);
            n++;
        }
    }
    return n > 0;
}

static bool put_suites_openssl(struct text *out, const struct about *a)
{
    return put_suites(out, a, SUITES_STRONG_OPENSSL, ':');
}

static bool put_suites_jsse(struct text *out, const struct about *a)
{
    return put_suites(out, a, SUITES_STRONG_NAMES, ',');
}

static bool put_suites_all(struct text *out, const struct about *a)
{
    return put_suites(out, a, SUITES_ALL, ' ');
}

static bool offers_only_weak(const struct tls_client_hello *hello)
{
    size_t n = tls_u16_count(hello->cipher_suites);
    for (size_t i = 0; i < n; i++) {
        uint16_t suite = tls_u16_at(hello->cipher_suites, i);
        if (describe_is_real_suite(suite) && !tls_cipher_suite_is_weak(suite)) {
            return false;
        }
    }
    return n > 0;
}

static bool if_only_weak(struct text *out, const struct about *a)
{
    (void)out;
    return a->t->hello != NULL && !a->t->hello->is_sslv2 && offers_only_weak(a->t->hello);
}

static bool put_suite(struct text *out, const struct about *a)
{
    return a->t->server_hello != NULL && put_text(out, tls_cipher_suite_name(a->t->cipher_suite));
}

/* The spelling that every release of OpenSSL takes. */
static const char *openssl_group(uint16_t group)
{
    static const struct {
        uint16_t value;
        const char *name;
    } names[] = {
        { 29, "X25519" },    { 23, "prime256v1" }, { 24, "secp384r1" },
        { 25, "secp521r1" }, { 30, "X448" },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].value == group) {
            return names[i].name;
        }
    }
    return NULL;
}

static const char *iana_group(uint16_t group)
{
    return tls_is_grease(group) ? NULL : tls_group_name(group);
}

static const char *iana_signature_algorithm(uint16_t alg)
{
    return tls_is_grease(alg) ? NULL : tls_signature_algorithm_name(alg);
}

static bool put_u16_names(struct text *out, struct bytes list, const char *(*name)(uint16_t),
                          char separator)
{
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(list) && n < LIST_SHOWN_MAX; i++) {
        const char *one = name(tls_u16_at(list, i));
        if (one != NULL) {
            if (n > 0) {
                text_putc(out, separator);
            }
            text_puts(out, one);
            n++;
        }
    }
    return n > 0;
}

static bool put_groups(struct text *out, const struct about *a)
{
    return a->t->hello != NULL &&
           put_u16_names(out, a->t->hello->ext.supported_groups, iana_group, ',');
}

static bool put_groups_openssl(struct text *out, const struct about *a)
{
    return a->t->hello != NULL &&
           put_u16_names(out, a->t->hello->ext.supported_groups, openssl_group, ':');
}

static bool put_signature_algorithms(struct text *out, const struct about *a)
{
    return a->t->hello != NULL &&
           put_u16_names(out, a->t->hello->ext.signature_algorithms, iana_signature_algorithm, ',');
}

static bool put_alpn(struct text *out, const struct about *a)
{
    if (a->t->hello == NULL) {
        return false;
    }
    struct bytes list = a->t->hello->ext.alpn;
    struct bytes name;
    size_t n = 0;
    while (n < LIST_SHOWN_MAX && tls_alpn_next(&list, &name)) {
        if (is_pasteable(name)) {
            if (n > 0) {
                text_putc(out, ',');
            }
            text_put(out, (const char *)name.p, name.len);
            n++;
        }
    }
    return n > 0;
}

static bool put_dh_bits(struct text *out, const struct about *a)
{
    const struct tls_server_key_exchange *ske = a->t->server_key_exchange;
    if (ske == NULL || ske->dh_bits == 0) {
        return false;
    }
    text_put_u64(out, ske->dh_bits);
    return true;
}

/* --- certificates --- */

static enum side certificate_side(const struct verdict *v)
{
    return v->party == ACTOR_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
}

static const struct x509_facts *certificate_at(const struct about *a, size_t i)
{
    const struct x509_chain *chain = a->t->side[certificate_side(a->v)].chain;
    if (chain == NULL || i >= x509_chain_n(chain)) {
        return NULL;
    }
    const struct x509_facts *facts = x509_chain_facts(chain, i);
    return facts->is_parsed ? facts : NULL;
}

/* The certificate that the cause is about: the culprit of the fault of that name, else the leaf. */
static const struct x509_facts *culprit(const struct about *a)
{
    enum side side = certificate_side(a->v);
    const char *cause = cause_id(a->v->cause);
    const struct x509_judgement *judgement = &a->v->chain[side].judgement;
    size_t n = a->v->chain[side].is_judged ? judgement->n_faults : 0;
    for (size_t i = 0; i < n && i < X509_FAULTS_MAX && cause != NULL; i++) {
        const char *id = x509_fault_id(judgement->faults[i].kind);
        if (judgement->faults[i].culprit >= 0 && id != NULL && strcmp(id, cause) == 0) {
            return certificate_at(a, (size_t)judgement->faults[i].culprit);
        }
    }
    return certificate_at(a, 0);
}

static bool put_subject(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && put_text(out, c->subject);
}

static bool put_issuer(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && put_text(out, c->issuer);
}

static bool put_root(struct text *out, const struct about *a)
{
    const struct x509_chain *chain = a->t->side[certificate_side(a->v)].chain;
    const struct x509_facts *c = chain == NULL || x509_chain_n(chain) == 0
                                     ? NULL
                                     : certificate_at(a, x509_chain_n(chain) - 1);
    return c != NULL && put_text(out, c->issuer);
}

static bool put_key(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    if (c == NULL || !put_text(out, c->key_type)) {
        return false;
    }
    if (strcmp(c->key_type, "RSA") == 0 || strcmp(c->key_type, "DSA") == 0) {
        text_putc(out, ' ');
        text_put_u64(out, c->key_bits);
    }
    return true;
}

static bool put_signature(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && put_text(out, c->signature_algorithm);
}

static bool put_serial(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    return c != NULL && put_text(out, c->serial_hex);
}

static bool put_not_after(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    if (c == NULL) {
        return false;
    }
    clock_put_date(out, c->not_after_s);
    return true;
}

static bool put_not_before(struct text *out, const struct about *a)
{
    const struct x509_facts *c = culprit(a);
    if (c == NULL) {
        return false;
    }
    clock_put_date(out, c->not_before_s);
    return true;
}

static bool put_names(struct text *out, const struct about *a)
{
    const struct x509_facts *c = certificate_at(a, 0);
    size_t n = c == NULL ? 0 : c->n_names;
    for (size_t i = 0; i < n && i < LIST_SHOWN_MAX; i++) {
        text_puts(out, i > 0 ? ", " : "");
        text_puts(out, c->names[i]);
    }
    if (n > LIST_SHOWN_MAX) {
        text_puts(out, " ...");
    }
    return n > 0;
}

static const struct x509_judgement *judgement_of(const struct about *a)
{
    enum side side = certificate_side(a->v);
    return a->v->chain[side].is_judged ? &a->v->chain[side].judgement : NULL;
}

static bool put_missing_issuer(struct text *out, const struct about *a)
{
    const struct x509_judgement *j = judgement_of(a);
    return j != NULL && put_text(out, j->missing_issuer);
}

static bool put_missing_issuer_url(struct text *out, const struct about *a)
{
    const struct x509_judgement *j = judgement_of(a);
    return j != NULL && put_pasteable(out, j->missing_issuer_url);
}

/* --- what was said --- */

static bool put_alert(struct text *out, const struct about *a)
{
    enum side side = a->v->rejected_by == ACTOR_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
    const struct event *alert = a->t->side[side].fatal_alert;
    return alert != NULL && put_text(out, tls_alert_name(alert->type));
}

static bool put_prelude(struct text *out, const struct about *a)
{
    return a->t->prelude != PRELUDE_NONE && put_text(out, prelude_kind_name(a->t->prelude));
}

static bool put_plaintext(struct text *out, const struct event *e)
{
    return e != NULL && put_text(out, prelude_name_plaintext(e->body));
}

static bool put_client_plaintext(struct text *out, const struct about *a)
{
    return put_plaintext(out, a->t->side[SIDE_CLIENT].plaintext);
}

static bool put_server_plaintext(struct text *out, const struct about *a)
{
    return put_plaintext(out, a->t->side[SIDE_SERVER].plaintext);
}

static bool is_proxied(const struct transcript *t)
{
    return t->prelude == PRELUDE_HTTP_CONNECT || t->prelude == PRELUDE_SOCKS;
}

static bool if_proxy(struct text *out, const struct about *a)
{
    (void)out;
    return is_proxied(a->t);
}

static bool if_no_proxy(struct text *out, const struct about *a)
{
    (void)out;
    return !is_proxied(a->t);
}

static bool if_no_name(struct text *out, const struct about *a)
{
    (void)out;
    return a->t->hello != NULL && a->t->server_name == NULL;
}

static bool if_tls13(struct text *out, const struct about *a)
{
    (void)out;
    return a->t->version == 0x0304;
}

/* clang-format off: a table reads by columns */
static const struct blank blanks[] = {
    { "host", put_host, "HOST" },
    { "name", put_name, "the name in its ClientHello" },
    { "server", put_server, "HOST:PORT" },
    { "server_host", put_server_host, "the server" },
    { "client_host", put_client_host, "the client" },
    { "port", put_port, "443" },
    { "offered", put_offered, "the versions of its ClientHello" },
    { "max_offered", put_max_offered, "a low version" },
    { "version", put_version, "the version negotiated" },
    { "jsse_version", put_jsse_version, "TLSv1.2" },
    { "hello_bytes", put_hello_bytes, NULL },
    { "suite", put_suite, "the suite negotiated" },
    { "suites_openssl", put_suites_openssl, NULL },
    { "suites_jsse", put_suites_jsse, NULL },
    { "suites_all", put_suites_all, "none that is known" },
    { "if_only_weak", if_only_weak, NULL },
    { "groups", put_groups, NULL },
    { "groups_openssl", put_groups_openssl, "X25519:prime256v1:secp384r1" },
    { "signature_algorithms", put_signature_algorithms, "those of its ClientHello" },
    { "alpn", put_alpn, "those of its ClientHello" },
    { "dh_bits", put_dh_bits, "too few" },
    { "subject", put_subject, "the certificate" },
    { "issuer", put_issuer, "its issuer" },
    { "root", put_root, "its root" },
    { "key", put_key, "its key" },
    { "signature", put_signature, "its signature" },
    { "serial", put_serial, "its own" },
    { "not_after", put_not_after, "its notAfter" },
    { "not_before", put_not_before, "its notBefore" },
    { "names", put_names, "no host at all" },
    { "missing_issuer", put_missing_issuer, "the issuer of the last certificate sent" },
    { "missing_issuer_url", put_missing_issuer_url, NULL },
    { "alert", put_alert, "no alert" },
    { "prelude", put_prelude, "the protocol" },
    { "client_plaintext", put_client_plaintext, "something else" },
    { "server_plaintext", put_server_plaintext, "something else" },
    { "if_proxy", if_proxy, NULL },
    { "if_no_proxy", if_no_proxy, NULL },
    { "if_no_name", if_no_name, NULL },
    { "if_tls13", if_tls13, NULL },
};
/* clang-format on */

static const struct blank *find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
        if (bytes_equal(name, bytes_of_str(blanks[i].name))) {
            return &blanks[i];
        }
    }
    return NULL;
}

bool blanks_has(struct bytes name)
{
    return find(name) != NULL;
}

static bool fill_one(struct text *out, const struct blank *blank, const struct about *a)
{
    size_t start = out->len;
    if (blank->put(out, a)) {
        return true;
    }
    out->len = start; /* what was begun */
    if (blank->otherwise == NULL) {
        return false;
    }
    text_puts(out, blank->otherwise);
    return true;
}

bool blanks_fill(struct text *out, const char *form, const struct transcript *t,
                 const struct verdict *v)
{
    struct about a = { t, v };
    while (form[0] != '\0') {
        const char *close = form[0] == '{' ? strchr(form, '}') : NULL;
        const struct blank *blank =
            close == NULL ? NULL : find(bytes_of(form + 1, (size_t)(close - form) - 1));
        if (blank == NULL) { /* a brace of a configuration stays */
            text_putc(out, form[0]);
            form++;
            continue;
        }
        if (!fill_one(out, blank, &a)) {
            return false;
        }
        form = close + 1;
    }
    return true;
}
