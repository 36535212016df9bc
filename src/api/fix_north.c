/* Fixes of failures between a client app and the Router. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "api/fix_parts.h"
#include "store/tls_names.h"

enum { CIPHERS_MAX = 24 };

static void put_host(struct fixing *f, json_t **call, const json_t *host, const char *name,
                     const char *why)
{
    fix_put_document(f, call, "virtualhosts", name, host, why);
}

/* --- the client's certificate --- */

static void mend_client(struct fixing *f, json_t *host)
{
    const char *cause = f->event->cause;
    char truststore[KEYSTORE_NAME_MAX + 1];
    json_t *ssl = json_object_get(host, "sSLInfo");
    fix_keystore(f, ssl, "trustStore", truststore);
    if (fix_is(cause, "certificate-untrusted-ca") || fix_is(cause, "certificate-self-signed") ||
        fix_is(cause, "certificate-chain-incomplete") ||
        fix_is(cause, "certificate-chain-invalid")) {
        fix_trust_peer(f, truststore, "the client app");
    }
}

static void mend_no_client(struct fixing *f, json_t *host)
{
    json_t *ssl = json_object_get(host, "sSLInfo");
    json_object_set_new(ssl, "clientAuthEnabled", json_string("false"));
    put_host(f, &f->out->workaround, host, f->event->virtual_host,
             "the client app has to send a certificate; where the virtual host need not ask for "
             "one, it can be told so, and then anybody is let in");
}

/* --- our own certificate --- */

struct wanted {
    const char *host;      /* "" where the client named none */
    X509 *shown;           /* now; NULL: not known */
    bool is_trusted;       /* as far as is known: its issuer is not what the client minds */
    bool is_of_any_issuer; /* no other is to be found */
    const json_t *suites;  /* its key is to be of use with one of them; NULL: any key */
};

/* Up to TLS 1.2 a suite names the kind of key that signs (RFC 5246 section 7.4.2, RFC 8422 section
 * 5.10 for EdDSA). */
static bool suits_key(const char *suite, X509 *leaf)
{
    bool is_rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) == EVP_PKEY_RSA;
    return strstr(suite, is_rsa ? "_RSA_" : "_ECDSA_") != NULL;
}

static bool suits_any(const json_t *suites, X509 *leaf)
{
    bool is_suited = suites == NULL;
    for (size_t i = 0; !is_suited && i < json_array_size(suites); i++) {
        const char *name = json_string_value(json_array_get(suites, i));
        is_suited = name != NULL && suits_key(name, leaf);
    }
    return is_suited;
}

static bool is_of_same_issuer(const X509 *a, const X509 *b)
{
    return X509_NAME_cmp(X509_get_issuer_name(a), X509_get_issuer_name(b)) == 0;
}

/* Is for servers, and for the name that the client asked for, now. Whoever trusted the issuer will
 * go on to; whoever did not wants another. */
static bool fits_name(void *arg, X509 *leaf)
{
    const struct wanted *w = arg;
    bool is_named = w->host[0] == '\0' || X509_check_host(leaf, w->host, 0, 0, NULL) == 1;
    bool is_for_servers = X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) == 1;
    bool is_issuer_right = w->is_of_any_issuer || w->shown == NULL ||
                           is_of_same_issuer(leaf, w->shown) == w->is_trusted;
    return fix_is_valid_now(leaf) && is_named && is_for_servers && is_issuer_right &&
           suits_any(w->suites, leaf);
}

/* An issuer that the client trusts first, and chains that are as long as the one that is shown. */
static bool find_other(const struct fixing *f, const json_t *ssl, const json_t *suites,
                       const char **keystore, const char **alias)
{
    const char *cause = f->event->cause;
    size_t n = 0;
    struct wanted w = { .host = f->event->server_name,
                        .shown = fix_shown_by(f, ssl, &n),
                        .suites = suites };
    bool is_own_issuer = w.shown != NULL && X509_self_signed(w.shown, 0) == 1;
    w.is_trusted = !is_own_issuer && !fix_is(cause, "certificate-untrusted-ca") &&
                   !fix_is(cause, "certificate-chain-invalid");
    size_t wished = n > 1 ? n : 2;
    bool is_found =
        fix_find_alias(f, (struct fix_wanted){ fits_name, &w, wished }, keystore, alias);
    w.is_of_any_issuer = true;
    is_found = is_found ||
               fix_find_alias(f, (struct fix_wanted){ fits_name, &w, wished }, keystore, alias) ||
               fix_find_alias(f, (struct fix_wanted){ fits_name, &w, 0 }, keystore, alias);
    X509_free(w.shown);
    return is_found;
}

/* `form`: why, with the alias and the keystore in it. */
static void put_other_alias(struct fixing *f, json_t *host, const json_t *suites, const char *form)
{
    const char *keystore = NULL;
    const char *alias = NULL;
    char had[KEYSTORE_NAME_MAX + 1];
    json_t *ssl = json_object_get(host, "sSLInfo");
    const char *had_alias = json_string_value(json_object_get(ssl, "keyAlias"));
    fix_keystore(f, ssl, "keyStore", had);
    if (!find_other(f, ssl, suites, &keystore, &alias) ||
        (had_alias != NULL && fix_is(had, keystore) && fix_is(had_alias, alias))) {
        return;
    }
    const char *why =
        arena_printf(f->arena, "the alias %s in keystore %s %s", alias, keystore, form);
    if (!fix_puts_reference(f, ssl, keystore, alias, why)) {
        json_object_set_new(ssl, "keyStore", json_string(keystore));
        json_object_set_new(ssl, "keyAlias", json_string(alias));
        put_host(f, &f->out->fix, host, f->event->virtual_host, why);
    }
}

static void mend_own(struct fixing *f, json_t *host)
{
    if (fix_is(f->event->cause, "certificate-chain-incomplete")) {
        fix_complete_chain(f, json_object_get(host, "sSLInfo"), "the Router");
    } else {
        put_other_alias(f, host, NULL, "has a certificate for that name that is valid now");
    }
}

/* --- protocols, ciphers, names --- */

/* A property of the virtual host; NULL removes it. */
static void set_property(json_t *host, const char *name, const char *value)
{
    json_t *properties = json_object_get(host, "properties");
    json_t *list = json_object_get(properties, "property");
    if (!json_is_array(list)) {
        json_object_set_new(host, "properties", json_pack("{s:[]}", "property"));
        list = json_object_get(json_object_get(host, "properties"), "property");
    }
    for (size_t i = json_array_size(list); i > 0; i--) {
        const char *one = json_string_value(json_object_get(json_array_get(list, i - 1), "name"));
        if (one != NULL && fix_is(one, name)) {
            json_array_remove(list, i - 1);
        }
    }
    json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "value", value));
}

/* Those of today, and of the older ones what this client has. */
static void mend_protocols(struct fixing *f, json_t *host)
{
    bool is_new = fix_offers(f, "TLS 1.2") || fix_offers(f, "TLS 1.3");
    bool is_11 = !is_new && fix_offers(f, "TLS 1.1");
    bool is_10 = !is_new && !is_11 && fix_offers(f, "TLS 1.0");
    char value[64];
    snprintf(value, sizeof value, "%s%sTLSv1.2 TLSv1.3", is_10 ? "TLSv1 " : "",
             is_11 || is_10 ? "TLSv1.1 " : "");
    set_property(host, "ssl_protocols", value);
    put_host(f, &f->out->fix, host, f->event->virtual_host,
             is_new ? "the virtual host's protocols leave out what the client app speaks"
                    : "the client app speaks old protocols only, which are broken: it ought to be "
                      "brought up to date; until it is, the virtual host can take them");
}

/* Those that the key can be used with; `shown` NULL: all. */
static void put_ciphers(const json_t *list, X509 *shown, struct text *out)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < CIPHERS_MAX; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        struct tls_cipher_name c =
            name == NULL ? (struct tls_cipher_name){ 0 } : tls_cipher_find(name);
        if (c.kind == TLS_NAME_KNOWN && !c.is_tls13 && (shown == NULL || suits_key(name, shown))) {
            text_printf(out, "%s%s", n++ > 0 ? ":" : "", c.openssl);
        }
    }
}

static void mend_ciphers(struct fixing *f, json_t *host)
{
    struct text ciphers = { 0 };
    size_t n = 0;
    json_t *list = json_object_get(json_object_get(f->verdict, "client_hello"), "cipher_suites");
    X509 *shown = fix_shown_by(f, json_object_get(host, "sSLInfo"), &n);
    text_puts(&ciphers, "");
    put_ciphers(list, shown, &ciphers);
    if (shown != NULL && !suits_any(list, shown)) {
        put_other_alias(f, host, list,
                        "has the kind of key that the client app's suites are for; the one in use "
                        "has not, and whoever has suites for that one alone is refused then");
    } else if (ciphers.len > 0) {
        text_puts(&ciphers, ":HIGH:!aNULL:!MD5");
        set_property(host, "ssl_ciphers", text_str(&ciphers));
        put_host(f, &f->out->fix, host, f->event->virtual_host,
                 "the virtual host's ciphers leave out what the client app offers; these are its "
                 "own, and the usual ones");
    }
    X509_free(shown);
    text_deinit(&ciphers);
}

/* Is the certificate that a virtual host shows for that name? */
static bool covers(const struct fixing *f, const json_t *host, const char *name)
{
    size_t n = 0;
    X509 *leaf = fix_shown_by(f, json_object_get(host, "sSLInfo"), &n);
    bool is_covered = leaf != NULL && X509_check_host(leaf, name, 0, 0, NULL) == 1;
    X509_free(leaf);
    return is_covered;
}

static bool is_on_port(const json_t *host, const char *server)
{
    const json_t *port = json_object_get(host, "port");
    const char *colon = strrchr(server, ':');
    long at = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);
    long of = json_is_integer(port)  ? (long)json_integer_value(port)
              : json_is_string(port) ? strtol(json_string_value(port), NULL, 10)
                                     : 0;
    return at != 0 && at == of && json_is_object(json_object_get(host, "sSLInfo"));
}

/* The virtual host on that port whose certificate is for the name gets the name. */
static void mend_name(struct fixing *f)
{
    struct store_names names = { 0 };
    struct store_key within = { .kind = STORE_VIRTUAL_HOST,
                                .org = f->event->org,
                                .env = f->event->env };
    const char *wanted = f->event->server_name;
    if (wanted[0] == '\0' || store_list(f->store, &within, &names, NULL) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < names.n && f->out->fix == NULL; i++) {
        json_t *host = fix_document(f, STORE_VIRTUAL_HOST, names.list[i].name);
        json_t *aliases = json_object_get(host, "hostAliases");
        if (host != NULL && is_on_port(host, f->event->server) && json_is_array(aliases) &&
            covers(f, host, wanted)) {
            json_array_append_new(aliases, json_string(wanted));
            put_host(f, &f->out->fix, host, names.list[i].name,
                     arena_printf(f->arena,
                                  "no virtual host on that port has the name %s; the certificate "
                                  "of %s is for it",
                                  wanted, names.list[i].name));
        }
        json_decref(host);
    }
    store_names_deinit(&names);
}

void fix_northbound(struct fixing *f)
{
    const char *cause = f->event->cause;
    bool is_certificate = strncmp(cause, "certificate-", 12) == 0;
    json_t *host = fix_subject(f, STORE_VIRTUAL_HOST, f->event->virtual_host);
    if (fix_is(cause, "sni-unrecognized")) {
        mend_name(f);
    } else if (host == NULL) {
        return;
    } else if (is_certificate && fix_is(f->event->party, "client")) {
        mend_client(f, host);
    } else if (is_certificate) {
        mend_own(f, host);
    } else if (fix_is(cause, "client-certificate-missing")) {
        mend_no_client(f, host);
    } else if (fix_is(cause, "protocol-mismatch")) {
        mend_protocols(f, host);
    } else if (fix_is(cause, "cipher-mismatch")) {
        mend_ciphers(f, host);
    }
    json_decref(host);
}
