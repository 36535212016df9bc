/* Fixes of failures between a client app and the Router. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
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

/* What a virtual host shows, as sSLInfo says: its leaf, new, and how many certificates; NULL: none.
 */
static X509 *shown_by(const struct fixing *f, const json_t *ssl, size_t *out_n)
{
    struct alias alias = { 0 };
    struct store_problem problem = { 0 };
    char keystore[KEYSTORE_NAME_MAX + 1];
    const char *name = json_string_value(json_object_get(ssl, "keyAlias"));
    fix_keystore(f, ssl, "keyStore", keystore);
    struct alias_name at = { f->event->org, f->event->env, keystore, name };
    X509 *leaf = NULL;
    *out_n = 0;
    if (name != NULL && alias_load(f->store, &at, false, &alias, &problem) == ST_OK &&
        alias.pem != NULL) {
        BIO *in = BIO_new_mem_buf(alias.pem, -1);
        X509 *x = NULL;
        while (in != NULL && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
            leaf = *out_n == 0 ? x : leaf;
            if (x != leaf) {
                X509_free(x);
            }
            *out_n += 1;
        }
        BIO_free(in);
        ERR_clear_error();
    }
    alias_deinit(&alias);
    return leaf;
}

struct wanted {
    const char *host;      /* "" where the client named none */
    X509 *shown;           /* now; NULL: not known */
    bool is_trusted;       /* as far as is known: its issuer is not what the client minds */
    bool is_of_any_issuer; /* no other is to be found */
};

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
    return fix_is_valid_now(leaf) && is_named && is_for_servers && is_issuer_right;
}

/* An issuer that the client trusts first, and chains that are as long as the one that is shown. */
static bool find_other(const struct fixing *f, const json_t *ssl, const char **keystore,
                       const char **alias)
{
    const char *cause = f->event->cause;
    size_t n = 0;
    struct wanted w = { .host = f->event->server_name, .shown = shown_by(f, ssl, &n) };
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

static bool puts_other_alias(struct fixing *f, json_t *host)
{
    const char *keystore = NULL;
    const char *alias = NULL;
    char had[KEYSTORE_NAME_MAX + 1];
    json_t *ssl = json_object_get(host, "sSLInfo");
    const char *had_alias = json_string_value(json_object_get(ssl, "keyAlias"));
    fix_keystore(f, ssl, "keyStore", had);
    if (!find_other(f, ssl, &keystore, &alias) ||
        (had_alias != NULL && fix_is(had, keystore) && fix_is(had_alias, alias))) {
        return false;
    }
    json_object_set_new(ssl, "keyStore", json_string(keystore));
    json_object_set_new(ssl, "keyAlias", json_string(alias));
    put_host(f, &f->out->fix, host, f->event->virtual_host,
             arena_printf(f->arena,
                          "the alias %s in keystore %s has a certificate for that name that is "
                          "valid now",
                          alias, keystore));
    return true;
}

static void mend_own(struct fixing *f, json_t *host)
{
    if (fix_is(f->event->cause, "certificate-chain-incomplete")) {
        fix_complete_chain(f, json_object_get(host, "sSLInfo"), "the Router");
    } else {
        puts_other_alias(f, host);
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

static bool offers(const struct fixing *f, const char *version)
{
    json_t *list = json_object_get(json_object_get(f->verdict, "versions_offered"), "list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (one != NULL && fix_is(one, version)) {
            return true;
        }
    }
    return false;
}

/* Those of today, and of the older ones what this client has. */
static void mend_protocols(struct fixing *f, json_t *host)
{
    bool is_new = offers(f, "TLS 1.2") || offers(f, "TLS 1.3");
    bool is_11 = !is_new && offers(f, "TLS 1.1");
    bool is_10 = !is_new && !is_11 && offers(f, "TLS 1.0");
    char value[64];
    snprintf(value, sizeof value, "%s%sTLSv1.2 TLSv1.3", is_10 ? "TLSv1 " : "",
             is_11 || is_10 ? "TLSv1.1 " : "");
    set_property(host, "ssl_protocols", value);
    put_host(f, &f->out->fix, host, f->event->virtual_host,
             is_new ? "the virtual host's protocols leave out what the client app speaks"
                    : "the client app speaks old protocols only, which are broken: it ought to be "
                      "brought up to date; until it is, the virtual host can take them");
}

static void put_ciphers(const struct fixing *f, struct text *out)
{
    json_t *list = json_object_get(json_object_get(f->verdict, "client_hello"), "cipher_suites");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < CIPHERS_MAX; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        struct tls_cipher_name c =
            name == NULL ? (struct tls_cipher_name){ 0 } : tls_cipher_find(name);
        if (c.kind == TLS_NAME_KNOWN && !c.is_tls13) {
            text_printf(out, "%s%s", n++ > 0 ? ":" : "", c.openssl);
        }
    }
}

static void mend_ciphers(struct fixing *f, json_t *host)
{
    struct text ciphers = { 0 };
    text_puts(&ciphers, "");
    put_ciphers(f, &ciphers);
    if (ciphers.len > 0) {
        text_puts(&ciphers, ":HIGH:!aNULL:!MD5");
        set_property(host, "ssl_ciphers", text_str(&ciphers));
        put_host(f, &f->out->fix, host, f->event->virtual_host,
                 "the virtual host's ciphers leave out what the client app offers; these are its "
                 "own, and the usual ones");
    }
    text_deinit(&ciphers);
}

/* Is the certificate that a virtual host shows for that name? */
static bool covers(const struct fixing *f, const json_t *host, const char *name)
{
    size_t n = 0;
    X509 *leaf = shown_by(f, json_object_get(host, "sSLInfo"), &n);
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
