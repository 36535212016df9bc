#include "base/status.h"
#include "report/blank_values.h"
#include "report/describe.h"
#include "tls/names.h"

/* --- versions --- */

bool blank_offered(struct text *out, const struct about *a)
{
    return a->t->hello != NULL && describe_offered_versions(out, a->t->hello);
}

bool blank_version(struct text *out, const struct about *a)
{
    return a->t->version != 0 && blank_put_text(out, tls_version_name(a->t->version));
}

/* What the server speaks, as far as it can be told: its ServerHello's version; that of the record
 * which carried its refusal, where the client does not offer it; else the nearest one that the
 * client does not offer, since all the others were refused. */
static uint16_t version_of_server(const struct transcript *t)
{
    const struct event *alert = t->side[SIDE_SERVER].first_alert;
    uint16_t min = 0;
    uint16_t max = 0;
    if (t->version != 0) {
        return t->version;
    }
    if (t->hello == NULL || !tls_offered_versions(t->hello, &min, &max)) {
        return 0;
    }
    if (alert != NULL && alert->version != 0 && (alert->version < min || alert->version > max)) {
        return alert->version;
    }
    if (max < 0x0304) {
        return max < 0x0303 ? 0x0303 : 0x0304;
    }
    return (uint16_t)(min - 1);
}

/* Each between `open` and `close`. A server of TLS 1.1 or older that did not say which may have
 * stopped at TLS 1.0: both are named then. */
static bool put_jsse_versions(struct text *out, const struct transcript *t, const char *open,
                              const char *separator, const char *close)
{
    static const char *const names[] = { "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };
    uint16_t version = version_of_server(t);
    bool is_told = t->version != 0 || (t->side[SIDE_SERVER].first_alert != NULL &&
                                       t->side[SIDE_SERVER].first_alert->version == version);
    if (version < 0x0300 || version > 0x0304) {
        return false;
    }
    if (version == 0x0302 && !is_told) {
        text_printf(out, "%s%s%s%s", open, names[1], close, separator);
    }
    text_printf(out, "%s%s%s", open, names[version - 0x0300], close);
    return true;
}

bool blank_jsse_elements(struct text *out, const struct about *a)
{
    return put_jsse_versions(out, a->t, "<Protocol>", "", "</Protocol>");
}

bool blank_jsse_strings(struct text *out, const struct about *a)
{
    return put_jsse_versions(out, a->t, "\"", ", ", "\"");
}

bool blank_max_offered(struct text *out, const struct about *a)
{
    uint16_t min = 0;
    uint16_t max = 0;
    return a->t->hello != NULL && tls_offered_versions(a->t->hello, &min, &max) &&
           blank_put_text(out, tls_version_name(max));
}

bool blank_hello_bytes(struct text *out, const struct about *a)
{
    if (a->t->hello_event == NULL || a->t->hello_event->body.len == 0) {
        return false;
    }
    text_put_u64(out, a->t->hello_event->body.len);
    return true;
}

/* --- suites, groups, signature algorithms, ALPN --- */

enum suite_choice { SUITES_STRONG_OPENSSL, SUITES_STRONG_NAMES, SUITES_TLS13, SUITES_ALL };

static const char *suite_chosen(uint16_t value, enum suite_choice choice)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(value);
    if (suite == NULL || tls_cipher_suite_is_scsv(value)) {
        return NULL;
    }
    if (choice == SUITES_ALL) {
        return suite->openssl != NULL ? suite->openssl : suite->name;
    }
    if (choice == SUITES_TLS13) {
        return suite->needs_tls13 ? suite->name : NULL;
    }
    if (tls_cipher_suite_is_weak(value) || suite->needs_tls13) {
        return NULL;
    }
    return choice == SUITES_STRONG_NAMES ? suite->name : suite->openssl;
}

/* Before the nth of a list. */
static void separate(struct text *out, size_t n, char separator)
{
    if (n > 0) {
        text_putc(out, separator);
    }
}

static bool put_suites(struct text *out, const struct about *a, enum suite_choice choice,
                       char separator)
{
    if (a->t->hello == NULL || a->t->hello->is_sslv2) {
        return false;
    }
    struct bytes list = a->t->hello->cipher_suites;
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(list) && n < BLANK_LIST_MAX; i++) {
        const char *name = suite_chosen(tls_u16_at(list, i), choice);
        if (name != NULL) {
            separate(out, n, separator);
            text_puts(out, name);
            n++;
        }
    }
    return n > 0;
}

bool blank_suites_openssl(struct text *out, const struct about *a)
{
    return put_suites(out, a, SUITES_STRONG_OPENSSL, ':');
}

bool blank_suites_jsse(struct text *out, const struct about *a)
{
    return put_suites(out, a, SUITES_STRONG_NAMES, ',');
}

bool blank_suites_all(struct text *out, const struct about *a)
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

bool blank_if_only_weak(struct text *out, const struct about *a)
{
    (void)out;
    return a->t->hello != NULL && !a->t->hello->is_sslv2 && offers_only_weak(a->t->hello);
}

static bool is_forward_secret(const struct tls_cipher_suite *suite)
{
    return suite->kx == TLS_KX_DHE || suite->kx == TLS_KX_ECDHE || suite->kx == TLS_KX_DHE_PSK ||
           suite->kx == TLS_KX_ECDHE_PSK || suite->kx == TLS_KX_TLS13;
}

bool blank_if_no_forward_secrecy(struct text *out, const struct about *a)
{
    (void)out;
    if (a->t->hello == NULL || a->t->hello->is_sslv2 || offers_only_weak(a->t->hello)) {
        return false; /* weaker still: said already */
    }
    struct bytes list = a->t->hello->cipher_suites;
    for (size_t i = 0; i < tls_u16_count(list); i++) {
        const struct tls_cipher_suite *suite = tls_cipher_suite(tls_u16_at(list, i));
        if (suite != NULL && is_forward_secret(suite)) {
            return false;
        }
    }
    return tls_u16_count(list) > 0;
}

/* Where the client offers no others. */
bool blank_suites_tls13(struct text *out, const struct about *a)
{
    size_t start = out->len;
    if (put_suites(out, a, SUITES_STRONG_NAMES, ':')) {
        out->len = start;
        return false;
    }
    return put_suites(out, a, SUITES_TLS13, ':');
}

bool blank_suite(struct text *out, const struct about *a)
{
    return a->t->server_hello != NULL &&
           blank_put_text(out, tls_cipher_suite_name(a->t->cipher_suite));
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
    for (size_t i = 0; i < tls_u16_count(list) && n < BLANK_LIST_MAX; i++) {
        const char *one = name(tls_u16_at(list, i));
        if (one != NULL) {
            separate(out, n, separator);
            text_puts(out, one);
            n++;
        }
    }
    return n > 0;
}

bool blank_groups(struct text *out, const struct about *a)
{
    return a->t->hello != NULL &&
           put_u16_names(out, a->t->hello->ext.supported_groups, iana_group, ',');
}

bool blank_groups_openssl(struct text *out, const struct about *a)
{
    return a->t->hello != NULL &&
           put_u16_names(out, a->t->hello->ext.supported_groups, openssl_group, ':');
}

bool blank_signature_algorithms(struct text *out, const struct about *a)
{
    return a->t->hello != NULL &&
           put_u16_names(out, a->t->hello->ext.signature_algorithms, iana_signature_algorithm, ',');
}

bool blank_alpn(struct text *out, const struct about *a)
{
    if (a->t->hello == NULL) {
        return false;
    }
    struct bytes list = a->t->hello->ext.alpn;
    struct bytes name;
    size_t n = 0;
    while (n < BLANK_LIST_MAX && tls_alpn_next(&list, &name)) {
        if (blank_is_pasteable(name)) {
            separate(out, n, ',');
            text_put(out, (const char *)name.p, name.len);
            n++;
        }
    }
    return n > 0;
}

bool blank_dh_bits(struct text *out, const struct about *a)
{
    const struct tls_server_key_exchange *ske = a->t->server_key_exchange;
    if (ske == NULL || ske->dh_bits == 0) {
        return false;
    }
    text_put_u64(out, ske->dh_bits);
    return true;
}
