/* Fixes of failures between the Message Processor and a backend. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "api/fix_parts.h"
#include "base/base64.h"
#include "gateway/known_names.h"

enum { NAME_BYTES = 2048, NAME_CHARS = 255, ISSUERS_MAX = 8 };

/* sSLInfo, made where there is none. Borrowed. */
static json_t *ssl_of(json_t *target)
{
    json_t *ssl = json_object_get(target, "sSLInfo");
    if (!json_is_object(ssl)) {
        json_object_set_new(target, "sSLInfo", json_pack("{s:s}", "enabled", "true"));
        ssl = json_object_get(target, "sSLInfo");
    }
    return ssl;
}

static void put_target(struct fixing *f, json_t **call, const json_t *target, const char *why)
{
    if (f->in.file != NULL) {
        fix_put_bundle(f, call, target, why);
    } else {
        fix_put_document(f, call, "targetservers", f->event->target, target, why);
    }
}

static const char *place_of(const struct fixing *f)
{
    return f->in.is_route       ? "route"
           : f->in.file != NULL ? "SSLInfo of the TargetEndpoint"
                                : "target server";
}

/* --- the backend's certificate --- */

/* The first name of the leaf: a dNSName, else the common name. */
static bool name_of_leaf(const struct fixing *f, char out[NAME_CHARS + 1])
{
    GENERAL_NAMES *names =
        f->n_peer == 0 ? NULL : X509_get_ext_d2i(f->peer[0], NID_subject_alt_name, NULL, NULL);
    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && out[0] == '\0'; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName : NULL;
        size_t len = text == NULL ? 0 : (size_t)ASN1_STRING_length(text);
        if (len > 0 && memchr(ASN1_STRING_get0_data(text), '\0', len) == NULL &&
            bytes_copy(out, NAME_CHARS, bytes_of(ASN1_STRING_get0_data(text), len))) {
            out[len] = '\0';
        }
    }
    GENERAL_NAMES_free(names);
    if (out[0] == '\0' && f->n_peer > 0) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(f->peer[0]), NID_commonName, out,
                                  NAME_CHARS + 1);
    }
    return out[0] != '\0';
}

static void mend_name(struct fixing *f, json_t *target)
{
    char name[NAME_CHARS + 1] = "";
    if (!name_of_leaf(f, name)) {
        return;
    }
    bool is_wildcard = name[0] == '*';
    json_object_set_new(ssl_of(target), "commonName",
                        json_pack("{s:s, s:b}", "value", name, "wildcardMatch", is_wildcard));
    put_target(f, &f->out->fix, target,
               arena_printf(f->arena,
                            "the backend's certificate is for %s, not for the name that was "
                            "checked; where this is the right backend, that is the name to expect",
                            name));
}

/* The chain is to lead to the system's roots, and does not. */
static void trust_anew(struct fixing *f, json_t *target)
{
    struct keystore_name of = { f->event->org, f->event->env, f->event->target };
    char name[KNOWN_NEW_MAX + 1] = "";
    const char *why = NULL;
    known_names_keystore(f->store, &of, "trust", name);
    json_t *first = fix_new_truststore(f, name, &why);
    if (first != NULL) {
        json_object_set_new(ssl_of(target), "trustStore", json_string(name));
        put_target(f, &f->out->fix, target, why);
    }
    if (first != NULL && f->out->fix != NULL) {
        json_object_set(f->out->fix, "first", first);
    }
    json_decref(first);
}

static void mend_trust(struct fixing *f, json_t *target)
{
    char truststore[KEYSTORE_NAME_MAX + 1];
    const json_t *ssl = json_object_get(target, "sSLInfo");
    fix_keystore(f, ssl, "trustStore", truststore);
    if (truststore[0] != '\0') {
        fix_trust_peer(f, truststore, "the backend");
    } else if (json_is_true(json_object_get(ssl, "enforce"))) {
        trust_anew(f, target);
    }
}

static void ignore_errors(struct fixing *f, json_t *target, const char *why)
{
    json_object_set_new(ssl_of(target), "ignoreValidationErrors", json_true());
    put_target(f, &f->out->workaround, target, why);
}

static void mend_peer(struct fixing *f, json_t *target)
{
    const char *cause = f->event->cause;
    if (fix_is(cause, "certificate-hostname-mismatch")) {
        mend_name(f, target);
    } else if (fix_is(cause, "certificate-untrusted-ca") ||
               fix_is(cause, "certificate-self-signed") ||
               fix_is(cause, "certificate-chain-incomplete") ||
               fix_is(cause, "certificate-chain-invalid")) {
        mend_trust(f, target);
    } else {
        ignore_errors(f, target,
                      "the backend has to get another certificate; until then its errors can be "
                      "ignored, which lets anybody play the backend");
    }
}

/* --- our own certificate --- */

struct wanted {
    const struct fixing *f;
    X509 *present;   /* the one that was refused; NULL: none was sent */
    bool is_unknown; /* its issuer is what the backend minds */
    bool is_meant;   /* only those whose extended key usage says so */
};

/* NULL: it is none. */
static X509_NAME *name_of_base64(const char *text)
{
    uint8_t der[NAME_BYTES];
    struct bytes encoded = bytes_of_str(text == NULL ? "" : text);
    struct fault fault = { 0 };
    size_t len = 0;
    if (base64_room(encoded.len) > sizeof der || !base64_decode(encoded, der, &len, &fault)) {
        return NULL;
    }
    const unsigned char *p = der;
    return d2i_X509_NAME(NULL, &p, (long)len);
}

/* One of the CAs that the backend named is this certificate's issuer; where it named none, any will
 * do. */
static bool is_named(const struct fixing *f, X509 *x)
{
    json_t *names = json_object_get(f->hints, "certificate_authorities");
    bool is_one = json_array_size(names) == 0;
    for (size_t i = 0; i < json_array_size(names) && !is_one; i++) {
        X509_NAME *name = name_of_base64(json_string_value(json_array_get(names, i)));
        is_one = name != NULL && X509_NAME_cmp(name, X509_get_issuer_name(x)) == 0;
        X509_NAME_free(name);
    }
    ERR_clear_error();
    return is_one;
}

/* Backends mostly name roots: the way there leads over intermediates that a keystore has. */
static bool is_asked_for(const struct fixing *f, X509 *leaf)
{
    X509 *x = leaf;
    bool is_one = is_named(f, x);
    for (int i = 0; !is_one && i < ISSUERS_MAX; i++) {
        X509 *issuer = fix_find_issuer(f, x);
        if (x != leaf) {
            X509_free(x);
        }
        x = issuer;
        if (x == NULL) {
            return false;
        }
        is_one = is_named(f, x);
    }
    if (x != leaf) {
        X509_free(x);
    }
    return is_one;
}

static bool names_any(const struct fixing *f)
{
    return json_array_size(json_object_get(f->hints, "certificate_authorities")) > 0;
}

static bool is_for_clients(const struct wanted *w, X509 *leaf)
{
    bool is_said = (X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0;
    return X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) == 1 && (is_said || !w->is_meant);
}

/* One that signs itself is known to nobody, unless the backend names it. */
static bool is_of_fit_issuer(const struct wanted *w, X509 *leaf)
{
    bool is_same = w->present != NULL &&
                   X509_NAME_cmp(X509_get_issuer_name(leaf), X509_get_issuer_name(w->present)) == 0;
    bool is_own = !names_any(w->f) && X509_self_signed(leaf, 0) == 1;
    return !is_own && !(w->is_unknown && is_same) && is_asked_for(w->f, leaf);
}

static bool fits_backend(void *arg, X509 *leaf)
{
    const struct wanted *w = arg;
    bool is_other = w->present == NULL || X509_cmp(leaf, w->present) != 0;
    return is_other && is_for_clients(w, leaf) && fix_is_valid_now(leaf) &&
           is_of_fit_issuer(w, leaf);
}

static bool shows_own(const json_t *ssl)
{
    const char *word = json_string_value(json_object_get(ssl, "clientAuthEnabled"));
    return word != NULL && fix_is(word, "true");
}

static bool find_own(const struct fixing *f, const json_t *ssl, const char **keystore,
                     const char **alias)
{
    size_t n = 0;
    const char *cause = f->event->cause;
    struct wanted w = { .f = f,
                        .present = shows_own(ssl) ? fix_shown_by(f, ssl, &n) : NULL,
                        .is_unknown = fix_is(cause, "certificate-untrusted-ca"),
                        .is_meant = true };
    const struct fix_wanted wanted = { fits_backend, &w, 0 };
    bool is_found = fix_find_alias(f, wanted, keystore, alias);
    w.is_meant = false;
    is_found = is_found || fix_find_alias(f, wanted, keystore, alias);
    X509_free(w.present);
    return is_found;
}

static const char *why_own(const struct fixing *f, const char *keystore, const char *alias)
{
    bool is_named = names_any(f);
    return arena_printf(f->arena,
                        "the backend asks for a client certificate%s; the alias %s in keystore %s "
                        "%s",
                        is_named ? "" : " and names no CA", alias, keystore,
                        is_named ? "is of a CA that it names"
                                 : "is for clients and valid now; whether the backend trusts its "
                                   "CA is to be seen");
}

static void mend_own(struct fixing *f, json_t *target)
{
    const char *keystore = NULL;
    const char *alias = NULL;
    json_t *ssl = ssl_of(target);
    if (fix_is(f->event->cause, "certificate-chain-incomplete")) {
        fix_complete_chain(f, ssl, "the Message Processor");
    }
    if (f->out->fix != NULL || !find_own(f, ssl, &keystore, &alias)) {
        return;
    }
    const char *why = why_own(f, keystore, alias);
    if (shows_own(ssl) && fix_puts_reference(f, ssl, keystore, alias, why)) {
        return;
    }
    json_object_set_new(ssl, "clientAuthEnabled", json_string("true"));
    json_object_set_new(ssl, "keyStore", json_string(keystore));
    json_object_set_new(ssl, "keyAlias", json_string(alias));
    put_target(f, &f->out->fix, target, why);
}

/* --- protocols and ciphers --- */

static bool has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (one != NULL && fix_is(one, text)) {
            return true;
        }
    }
    return false;
}

/* A diagnosis has found out which one the backend speaks. */
static bool adds_spoken(struct fixing *f, json_t *target)
{
    const char *speaks = json_string_value(json_object_get(f->hints, "speaks"));
    json_t *list = json_object_get(ssl_of(target), "protocols");
    if (speaks == NULL) {
        return false;
    }
    json_t *wider = json_is_array(list) ? json_copy(list) : json_array();
    if (!has_text(wider, speaks)) {
        json_array_append_new(wider, json_string(speaks));
    }
    json_object_set_new(ssl_of(target), "protocols", wider);
    put_target(f, &f->out->fix, target,
               arena_printf(f->arena,
                            "the backend speaks %s, which is not among the protocols of "
                            "the %s",
                            speaks, place_of(f)));
    return true;
}

/* What is missing of the newer ones; where none is, the older ones too. */
static void mend_protocols(struct fixing *f, json_t *target)
{
    if (adds_spoken(f, target)) {
        return;
    }
    static const char *const names[] = { "TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1" };
    json_t *list = json_object_get(ssl_of(target), "protocols");
    bool has_new = fix_offers(f, "TLS 1.2") && fix_offers(f, "TLS 1.3");
    bool is_own = json_array_size(list) > 0; /* else of message-processor.properties */
    json_t *wider = json_array();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (i < 2 || has_new || has_text(list, names[i])) {
            json_array_append_new(wider, json_string(names[i]));
        }
    }
    json_object_set_new(ssl_of(target), "protocols", wider);
    put_target(f, &f->out->fix, target,
               has_new
                   ? "the backend does neither TLS 1.2 nor 1.3; it is asked for the older ones, "
                     "which are broken: it ought to be brought up to date"
                   : arena_printf(
                         f->arena, "the protocols of the %s%s leave out what the backend speaks",
                         place_of(f), is_own ? "" : ", which are those of the Message Processor,"));
}

static void mend_ciphers(struct fixing *f, json_t *target)
{
    if (json_array_size(json_object_get(ssl_of(target), "ciphers")) == 0) {
        return;
    }
    json_object_set_new(ssl_of(target), "ciphers", json_array());
    put_target(f, &f->out->fix, target,
               arena_printf(f->arena,
                            "the ciphers of the %s leave out what the backend speaks; without a "
                            "list all of the gateway's are offered",
                            place_of(f)));
}

static void mend_plaintext(struct fixing *f, json_t *target)
{
    json_object_set_new(ssl_of(target), "enabled", json_string("false"));
    put_target(f, &f->out->fix, target,
               "what listens on that port speaks no TLS; where the port is the right one, TLS has "
               "to be off");
}

static void mend_no_tls(struct fixing *f, json_t *target)
{
    json_object_set_new(ssl_of(target), "enabled", json_string("true"));
    bool is_possible = f->event->confidence != NULL && fix_is(f->event->confidence, "possible");
    put_target(f, &f->out->fix, target,
               arena_printf(f->arena, "what listens on that port %s TLS, and the %s has it off%s",
                            is_possible ? "may expect" : "speaks", place_of(f),
                            is_possible && f->in.file == NULL
                                ? "; a diagnosis of it tells for certain"
                                : ""));
}

/* A target server may have the name of a TargetEndpoint or of a route. */
static bool is_in_bundle(const struct fixing *f)
{
    const json_t *labels = json_object_get(f->hints, "labels");
    return json_object_get(labels, "endpoint") != NULL || json_object_get(labels, "route") != NULL;
}

void fix_southbound(struct fixing *f)
{
    const char *cause = f->event->cause;
    bool is_certificate = strncmp(cause, "certificate-", 12) == 0;
    json_t *target = fix_endpoint(f);
    if (target == NULL && !is_in_bundle(f)) {
        target = fix_subject(f, STORE_TARGET_SERVER, f->event->target);
    }
    if (target == NULL) {
        return;
    }
    if (is_certificate && fix_is(f->event->party, "server")) {
        mend_peer(f, target);
    } else if (is_certificate || fix_is(cause, "client-certificate-missing")) {
        mend_own(f, target);
    } else if (fix_is(cause, "protocol-mismatch")) {
        mend_protocols(f, target);
    } else if (fix_is(cause, "cipher-mismatch")) {
        mend_ciphers(f, target);
    } else if (fix_is(cause, "plaintext-server")) {
        mend_plaintext(f, target);
    } else if (fix_is(cause, "plaintext-client")) {
        mend_no_tls(f, target);
    }
    json_decref(target);
}
