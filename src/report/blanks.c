#include "report/blanks.h"

#include "base/status.h"
#include "report/blank_values.h"
#include "tls/names.h"

struct blank {
    const char *name;
    bool (*put)(struct text *out, const struct about *a);
    const char *otherwise; /* NULL: leave the row out */
};

/* Can it be pasted into a shell and a configuration without doing anything there? */
bool blank_is_pasteable(struct bytes b)
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

bool blank_put_pasteable(struct text *out, const char *s)
{
    if (s == NULL || !blank_is_pasteable(bytes_of_str(s))) {
        return false;
    }
    text_puts(out, s);
    return true;
}

bool blank_put_text(struct text *out, const char *s)
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
    return blank_put_pasteable(out, a->t->server_name);
}

static bool put_host(struct text *out, const struct about *a)
{
    if (put_name(out, a) || blank_put_pasteable(out, a->t->proxied_host)) {
        return true;
    }
    if (a->t->server_name != NULL || a->t->server.family == 0) {
        return false; /* a name that is not fit to paste */
    }
    endpoint_put_host(out, &a->t->server);
    return true;
}

/* The name that the client looks for in the certificate, where it said so itself: it need not be
 * the one that it sent. */
static bool put_checked_host(struct text *out, const struct about *a)
{
    const struct local_facts *l = a->t->local;
    bool is_told = l != NULL && l->side == SIDE_CLIENT && l->checked_host != NULL;
    return is_told ? blank_put_pasteable(out, l->checked_host) : put_host(out, a);
}

/* Whom a server that goes by names would have to know. */
static bool put_whom(struct text *out, const struct about *a)
{
    if (a->t->hello != NULL && a->t->server_name == NULL) {
        text_puts(out, "clients that send no server name");
        return true;
    }
    return put_name(out, a);
}

static bool put_sought_host(struct text *out, const struct about *a)
{
    return a->t->local != NULL && blank_put_pasteable(out, a->t->local->sought_host);
}

/* An option of s_client; nothing where the client sent no name either. */
static bool put_with_name(struct text *out, const struct about *a)
{
    if (a->t->server_name == NULL) {
        return true;
    }
    text_puts(out, " -servername ");
    return put_name(out, a);
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

/* --- what the gateway calls it --- */

static bool put_called(struct text *out, const struct about *a, enum gateway_name which)
{
    return a->t->local != NULL && blank_put_pasteable(out, a->t->local->gateway[which]);
}

static bool put_org(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_ORG);
}

static bool put_env(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_ENV);
}

static bool put_vhost(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_VIRTUAL_HOST);
}

static bool put_target(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_TARGET_SERVER);
}

static const char *called(const struct about *a, enum gateway_name which)
{
    return a->t->local == NULL ? NULL : a->t->local->gateway[which];
}

static bool is_looked_up(const struct about *a)
{
    return called(a, GATEWAY_NAME_NEW_KEYSTORE) != NULL;
}

static bool put_keystore(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_KEYSTORE) ||
           put_called(out, a, GATEWAY_NAME_NEW_KEYSTORE);
}

static bool put_keystore_word(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_KEYSTORE_WORD) ||
           put_called(out, a, GATEWAY_NAME_NEW_KEYSTORE);
}

static bool put_key_reference(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_KEY_REFERENCE);
}

static bool put_key_alias(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_KEY_ALIAS);
}

static bool put_new_keystore(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_NEW_KEYSTORE);
}

static bool put_truststore(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_TRUSTSTORE) ||
           put_called(out, a, GATEWAY_NAME_NEW_TRUSTSTORE);
}

static bool put_truststore_word(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_TRUSTSTORE_WORD) ||
           put_called(out, a, GATEWAY_NAME_NEW_TRUSTSTORE);
}

static bool put_new_alias(struct text *out, const struct about *a)
{
    return put_called(out, a, GATEWAY_NAME_NEW_ALIAS);
}

/* What has to be made before; nothing where it is there, or nobody knows. */
static bool put_first(struct text *out, const struct about *a, enum gateway_name had,
                      bool (*put)(struct text *, const struct about *), const char *more)
{
    if (!is_looked_up(a) || called(a, had) != NULL) {
        return true;
    }
    text_puts(out, "first `POST /v1/o/");
    (void)put_org(out, a);
    text_puts(out, "/e/");
    (void)put_env(out, a);
    text_puts(out, "/keystores?name=");
    bool is_put = put(out, a);
    text_puts(out, "`");
    text_puts(out, more);
    text_puts(out, "; then ");
    return is_put;
}

static bool put_first_keystore(struct text *out, const struct about *a)
{
    return put_first(
        out, a, GATEWAY_NAME_KEYSTORE, put_new_keystore,
        ", and certificate and key into it, `.../aliases?alias=own&format=keycertfile` "
        "(certFile, keyFile)");
}

static bool put_first_truststore(struct text *out, const struct about *a)
{
    return put_first(out, a, GATEWAY_NAME_TRUSTSTORE, put_truststore, "");
}

/* Conditions; both are true where nothing is known. */
static bool if_bundle(struct text *out, const struct about *a)
{
    (void)out;
    return called(a, GATEWAY_NAME_TARGET_SERVER) == NULL;
}

static bool if_server(struct text *out, const struct about *a)
{
    (void)out;
    return !is_looked_up(a) || called(a, GATEWAY_NAME_TARGET_SERVER) != NULL;
}

static bool if_key_reference(struct text *out, const struct about *a)
{
    (void)out;
    return !is_looked_up(a) || called(a, GATEWAY_NAME_KEY_REFERENCE) != NULL;
}

static bool if_no_key_reference(struct text *out, const struct about *a)
{
    return !if_key_reference(out, a);
}

static bool if_keystore(struct text *out, const struct about *a)
{
    (void)out;
    return called(a, GATEWAY_NAME_KEYSTORE) != NULL;
}

static bool if_no_truststore(struct text *out, const struct about *a)
{
    (void)out;
    return called(a, GATEWAY_NAME_TRUSTSTORE) == NULL;
}

/* --- what was said --- */

static bool put_alert(struct text *out, const struct about *a)
{
    enum side side = a->v->rejected_by == ACTOR_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
    const struct event *alert = a->t->side[side].fatal_alert;
    return alert != NULL && blank_put_text(out, tls_alert_name(alert->type));
}

static bool put_prelude(struct text *out, const struct about *a)
{
    return a->t->prelude != PRELUDE_NONE && blank_put_text(out, prelude_kind_name(a->t->prelude));
}

static bool put_plaintext(struct text *out, const struct event *e)
{
    return e != NULL && blank_put_text(out, prelude_name_plaintext(e->body));
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

/* clang-format off */
static const struct blank blanks[] = {
    { "host",                 put_host,                   "HOST" },
    { "checked_host",         put_checked_host,           "HOST" },
    { "sought_host",          put_sought_host,            "NAME" },
    { "whom",                 put_whom,                   "the name in its ClientHello" },
    { "name",                 put_name,                   "the name in its ClientHello" },
    { "with_name",            put_with_name,              " -servername HOST" },
    { "server",               put_server,                 "HOST:PORT" },
    { "server_host",          put_server_host,            "the server" },
    { "client_host",          put_client_host,            "the client" },
    { "port",                 put_port,                   "443" },
    { "org",                  put_org,                    "ORG" },
    { "env",                  put_env,                    "ENV" },
    { "vhost",                put_vhost,                  "NAME" },
    { "target",               put_target,                 "NAME" },
    { "keystore",             put_keystore,               "KEYSTORE" },
    { "keystore_word",        put_keystore_word,          "ref://REFERENCE" },
    { "key_reference",        put_key_reference,          "REFERENCE" },
    { "key_alias",            put_key_alias,              "ALIAS" },
    { "new_keystore",         put_new_keystore,           "KEYSTORE" },
    { "truststore",           put_truststore,             "TRUSTSTORE" },
    { "truststore_word",      put_truststore_word,        "ref://REFERENCE" },
    { "new_alias",            put_new_alias,              "ALIAS" },
    { "first_keystore",       put_first_keystore,         "" },
    { "first_truststore",     put_first_truststore,       "" },
    { "if_bundle",            if_bundle,                  NULL },
    { "if_server",            if_server,                  NULL },
    { "if_key_reference",     if_key_reference,           NULL },
    { "if_no_key_reference",  if_no_key_reference,        NULL },
    { "if_keystore",          if_keystore,                NULL },
    { "if_no_truststore",     if_no_truststore,           NULL },
    { "common_name",          blank_common_name,          "<CommonName>NAME</CommonName>" },
    { "offered",              blank_offered,              "the versions of its ClientHello" },
    { "max_offered",          blank_max_offered,          "a low version" },
    { "version",              blank_version,              "the version negotiated" },
    { "jsse_elements",        blank_jsse_elements,        "<Protocol>TLSv1.2</Protocol>" },
    { "jsse_strings",         blank_jsse_strings,         "\"TLSv1.2\"" },
    { "hello_bytes",          blank_hello_bytes,          NULL },
    { "suite",                blank_suite,                "the suite negotiated" },
    { "suites_openssl",       blank_suites_openssl,       NULL },
    { "suites_jsse",          blank_suites_jsse,          NULL },
    { "suites_all",           blank_suites_all,           "none that is known" },
    { "suites_tls13",         blank_suites_tls13,         NULL },
    { "if_no_forward_secrecy", blank_if_no_forward_secrecy, NULL },
    { "if_only_weak",         blank_if_only_weak,         NULL },
    { "groups",               blank_groups,               NULL },
    { "groups_openssl",       blank_groups_openssl,       "X25519:prime256v1:secp384r1" },
    { "signature_algorithms", blank_signature_algorithms, "those of its ClientHello" },
    { "alpn",                 blank_alpn,                 "those of its ClientHello" },
    { "dh_bits",              blank_dh_bits,              "too few" },
    { "subject",              blank_subject,              "the certificate" },
    { "issuer",               blank_issuer,               "its issuer" },
    { "root",                 blank_root,                 "not visible in this capture" },
    { "key",                  blank_key,                  "its key" },
    { "signature",            blank_signature,            "its signature" },
    { "serial",               blank_serial,               "its own" },
    { "not_after",            blank_not_after,            "its notAfter" },
    { "not_before",           blank_not_before,           "its notBefore" },
    { "names",                blank_names,                "no host at all" },
    { "missing_issuer",       blank_missing_issuer,       "the issuer of the last certificate sent" },
    { "unseen_issuer",        blank_unseen_issuer,        NULL },
    { "missing_issuer_url",   blank_missing_issuer_url,   NULL },
    { "alert",                put_alert,                  "no alert that can be read here" },
    { "prelude",              put_prelude,                "the protocol" },
    { "client_plaintext",     put_client_plaintext,       "an unknown protocol" },
    { "server_plaintext",     put_server_plaintext,       "an unknown protocol" },
    { "if_proxy",             if_proxy,                   NULL },
    { "if_no_proxy",          if_no_proxy,                NULL },
    { "if_no_name",           if_no_name,                 NULL },
    { "if_tls13",             if_tls13,                   NULL },
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
