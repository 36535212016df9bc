/* What every fix is made of: documents, certificates of the store, and calls. */
#include "api/fix_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "store/references.h"
#include "x509/pem.h"

static const char type_pem[] = "application/x-pem-file";

enum { DIGEST_CHARS = 12, LABEL_MAX = 256, SHA256_BYTES = 32 };

/* --- documents --- */

json_t *fix_document(const struct fixing *f, enum store_kind kind, const char *name)
{
    struct store_document d = { 0 };
    struct store_key key = {
        .kind = kind, .org = f->event->org, .env = f->event->env, .name = name
    };
    if (name[0] == '\0' || store_get(f->store, &key, &d, NULL) != ST_OK) {
        return NULL;
    }
    json_t *document = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
    store_document_deinit(&d);
    if (!json_is_object(document)) {
        json_decref(document);
        return NULL;
    }
    return document;
}

json_t *fix_subject(const struct fixing *f, enum store_kind kind, const char *name)
{
    return f->document != NULL ? json_deep_copy(f->document) : fix_document(f, kind, name);
}

void fix_keystore(const struct fixing *f, const json_t *ssl, const char *member,
                  char out[KEYSTORE_NAME_MAX + 1])
{
    struct store_problem problem = { 0 };
    const char *word = json_string_value(json_object_get(ssl, member));
    if (word == NULL || word[0] == '\0' ||
        references_resolve(f->store, f->event->org, f->event->env, word, out, &problem) != ST_OK) {
        out[0] = '\0';
    }
}

/* --- certificates of the store --- */

bool fix_is_valid_now(X509 *x)
{
    return X509_cmp_current_time(X509_get0_notBefore(x)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(x)) > 0;
}

const char *fix_label(const struct fixing *f, X509 *x)
{
    char name[LABEL_MAX];
    X509_NAME *subject = X509_get_subject_name(x);
    if (X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof name) <= 0 &&
        X509_NAME_oneline(subject, name, sizeof name) == NULL) {
        name[0] = '\0';
    }
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(name));
    const char *label = arena_strndup(f->arena, text_str(&safe), safe.len);
    text_deinit(&safe);
    return label == NULL ? "" : label;
}

/* The alias that this sSLInfo shows, without its key; false: it names none, or there is none. */
static bool load_shown(const struct fixing *f, const json_t *ssl, struct alias *out)
{
    struct store_problem problem = { 0 };
    char keystore[KEYSTORE_NAME_MAX + 1];
    const char *name = json_string_value(json_object_get(ssl, "keyAlias"));
    fix_keystore(f, ssl, "keyStore", keystore);
    struct alias_name at = { f->event->org, f->event->env, keystore, name };
    return name != NULL && alias_load(f->store, &at, false, out, &problem) == ST_OK &&
           out->pem != NULL;
}

X509 *fix_shown_by(const struct fixing *f, const json_t *ssl, size_t *out_n)
{
    struct alias alias = { 0 };
    X509 *leaf = NULL;
    *out_n = 0;
    if (load_shown(f, ssl, &alias)) {
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

bool fix_offers(const struct fixing *f, const char *version)
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

struct search {
    bool (*take)(struct search *s, X509 *x); /* true: found */
    bool leaf_only;
    fix_fits *fits;
    void *arg;
    X509 *child, *found; /* of an issuer */
    bool is_found;
    size_t index;    /* of the next in an alias; behind it the number of them */
    size_t at_least; /* so many certificates must an alias have */
};

static void look_at(void *arg, struct bytes der)
{
    struct search *s = arg;
    const unsigned char *p = der.p;
    bool is_asked = !s->is_found && (!s->leaf_only || s->index == 0);
    X509 *x = is_asked ? d2i_X509(NULL, &p, (long)der.len) : NULL;
    s->index++;
    if (x != NULL) {
        s->is_found = s->take(s, x);
        X509_free(x);
    }
}

static bool look_into(const struct fixing *f, const struct store_name *at, bool needs_key,
                      struct search *s)
{
    struct alias alias = { 0 };
    struct store_problem problem = { 0 };
    struct alias_name name = { at->org, at->env, at->parent, at->name };
    s->index = 0;
    if (alias_load(f->store, &name, false, &alias, &problem) == ST_OK && alias.pem != NULL &&
        (alias.has_key || !needs_key)) {
        x509_pem_each(alias.pem, look_at, s);
    }
    alias_deinit(&alias);
    ERR_clear_error();
    s->is_found = s->is_found && s->index >= s->at_least;
    return s->is_found;
}

/* The alias in which it was found, in the arena. */
static bool search_all(const struct fixing *f, bool needs_key, struct search *s,
                       const char **keystore, const char **alias)
{
    struct store_names names = { 0 };
    struct store_key within = { .kind = STORE_ALIAS, .org = f->event->org, .env = f->event->env };
    if (store_list(f->store, &within, &names, NULL) != ST_OK) {
        return false;
    }
    bool is_found = false;
    for (size_t i = 0; i < names.n && !is_found; i++) {
        const struct store_name *at = &names.list[i];
        is_found = look_into(f, at, needs_key, s);
        if (is_found && keystore != NULL) {
            *keystore = arena_strndup(f->arena, at->parent, strlen(at->parent));
            *alias = arena_strndup(f->arena, at->name, strlen(at->name));
            is_found = *keystore != NULL && *alias != NULL;
        }
    }
    store_names_deinit(&names);
    return is_found;
}

static bool take_fitting(struct search *s, X509 *x)
{
    return s->fits(s->arg, x);
}

bool fix_find_alias(const struct fixing *f, struct fix_wanted wanted, const char **keystore,
                    const char **alias)
{
    struct search s = { .take = take_fitting,
                        .leaf_only = true,
                        .fits = wanted.fits,
                        .arg = wanted.arg,
                        .at_least = wanted.at_least };
    return search_all(f, true, &s, keystore, alias);
}

static bool take_issuer(struct search *s, X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    bool is_it = X509_check_issued(x, s->child) == X509_V_OK && key != NULL &&
                 X509_verify(s->child, key) == 1 && X509_cmp(x, s->child) != 0;
    if (is_it && X509_up_ref(x) == 1) {
        s->found = x;
    }
    return s->found != NULL;
}

X509 *fix_find_issuer(const struct fixing *f, X509 *child)
{
    struct search s = { .take = take_issuer, .child = child };
    search_all(f, false, &s, NULL, NULL);
    return s.found;
}

/* --- calls --- */

/* A segment of a path: RFC 3986 section 3.3, the unreserved characters as they are. */
void fix_put_segment(struct text *out, const char *s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *s != '\0'; s++) {
        if (strchr(plain, *s) != NULL) {
            text_putc(out, *s);
        } else {
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
        }
    }
}

/* `name` NULL: the collection itself. */
static void put_path(const struct fixing *f, struct text *out, const char *collection,
                     const char *name)
{
    text_puts(out, "/v1/organizations/");
    fix_put_segment(out, f->event->org);
    text_puts(out, "/environments/");
    fix_put_segment(out, f->event->env);
    text_printf(out, "/%s", collection);
    if (name != NULL) {
        text_putc(out, '/');
        fix_put_segment(out, name);
    }
}

static void set_call(json_t **call, const char *method, const struct text *path, const char *type,
                     const char *body, const char *why)
{
    if (*call == NULL && !path->failed && body != NULL &&
        why != NULL) { /* the first one is the best */
        *call = json_pack("{s:s, s:s, s:s, s:s, s:s}", "method", method, "path", text_str(path),
                          "contentType", type, "body", body, "why", why);
    }
}

void fix_put_document(struct fixing *f, json_t **call, const char *collection, const char *name,
                      const json_t *document, const char *why)
{
    struct text path = { 0 };
    enum store_kind kind =
        fix_is(collection, "virtualhosts") ? STORE_VIRTUAL_HOST : STORE_TARGET_SERVER;
    json_t *had = fix_document(f, kind, name);
    char *body = json_dumps(document, JSON_INDENT(2));
    put_path(f, &path, collection, had != NULL ? name : NULL);
    set_call(call, had != NULL ? "PUT" : "POST", &path, "application/json", body, why);
    json_decref(had);
    free(body);
    text_deinit(&path);
}

bool fix_puts_reference(struct fixing *f, const json_t *ssl, const char *keystore,
                        const char *alias, const char *why)
{
    static const char ref[] = "ref://";
    struct text path = { 0 };
    const char *word = json_string_value(json_object_get(ssl, "keyStore"));
    const char *had = json_string_value(json_object_get(ssl, "keyAlias"));
    if (word == NULL || strncmp(word, ref, sizeof ref - 1) != 0 || had == NULL ||
        !fix_is(had, alias)) {
        return false;
    }
    const char *reference = word + sizeof ref - 1;
    json_t *document = json_pack("{s:s, s:s, s:s}", "name", reference, "refers", keystore,
                                 "resourceType", "KeyStore");
    char *body = document == NULL ? NULL : json_dumps(document, JSON_INDENT(2));
    put_path(f, &path, "references", reference);
    text_puts(&path, "?preflight=true"); /* others may use it */
    set_call(&f->out->fix, "PUT", &path, "application/json", body, why);
    json_decref(document);
    free(body);
    text_deinit(&path);
    return f->out->fix != NULL;
}

/* "ca-1f2e3d4c5b6a": the same certificate gets the same alias. */
static void name_alias(X509 *x, char out[DIGEST_CHARS + 8])
{
    unsigned char digest[SHA256_BYTES] = { 0 };
    unsigned len = 0;
    X509_digest(x, EVP_sha256(), digest, &len);
    snprintf(out, DIGEST_CHARS + 8, "%s-%02x%02x%02x%02x%02x%02x",
             X509_check_ca(x) > 0 ? "ca" : "peer", digest[0], digest[1], digest[2], digest[3],
             digest[4], digest[5]);
}

static bool has_alias(const struct fixing *f, const char *keystore, const char *name)
{
    struct store_document d = { 0 };
    struct store_key key = { STORE_ALIAS, f->event->org, f->event->env, keystore, name };
    bool has = store_get(f->store, &key, &d, NULL) == ST_OK && d.json != NULL;
    store_document_deinit(&d);
    return has;
}

static void put_der_of(struct text *out, X509 *x)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    if (len > 0) {
        x509_pem_put(out, bytes_of(der, (size_t)len));
    }
    OPENSSL_free(der);
}

/* One certificate as a new alias of a truststore. Nothing where it is there already. */
static void trust(const struct fixing *f, json_t **call, const char *truststore, X509 *x,
                  const char *why)
{
    struct text path = { 0 };
    struct text pem = { 0 };
    char name[DIGEST_CHARS + 8];
    name_alias(x, name);
    put_path(f, &path, "keystores", truststore);
    text_printf(&path, "/certs?alias=%s", name); /* PEM as it is: to be pasted */
    bool is_root = X509_check_ca(x) > 0 && X509_self_signed(x, 0) == 1;
    text_puts(&path, is_root ? "" : "&ignoreChainValidation=true");
    text_puts(&path, fix_is_valid_now(x) ? "" : "&ignoreExpiryValidation=true");
    put_der_of(&pem, x);
    if (!has_alias(f, truststore, name) && !pem.failed) {
        set_call(call, "POST", &path, type_pem, text_str(&pem), why);
    }
    text_deinit(&path);
    text_deinit(&pem);
}

void fix_put_chain(struct fixing *f, const char *keystore, const char *alias, const char *pem,
                   const char *why)
{
    struct text path = { 0 };
    put_path(f, &path, "keystores", keystore);
    text_puts(&path, "/aliases/");
    fix_put_segment(&path, alias);
    text_puts(&path, "?ignoreNewlineValidation=true");
    set_call(&f->out->fix, "PUT", &path, type_pem, pem, why);
    text_deinit(&path);
}

/* --- trust --- */

bool fix_is(const char *value, const char *id)
{
    return strcmp(value, id) == 0;
}

static X509 *issuer_among(const struct fixing *f, X509 *child)
{
    for (size_t i = 1; i < f->n_peer; i++) {
        if (f->peer[i] != child && X509_check_issued(f->peer[i], child) == X509_V_OK) {
            return f->peer[i];
        }
    }
    return NULL;
}

X509 *fix_top_of_peer(const struct fixing *f)
{
    X509 *top = f->n_peer > 0 ? f->peer[0] : NULL;
    for (size_t i = 1; i < f->n_peer; i++) { /* so many steps at most: no ring */
        X509 *issuer = issuer_among(f, top);
        if (issuer == NULL) {
            break;
        }
        top = issuer;
    }
    return top;
}

/* Of a chain whose last certificate is no root, the issuer is asked for: where a keystore has it,
 * that is the better anchor. The caller frees; NULL: the peer sent none. */
static X509 *anchor_of_peer(const struct fixing *f)
{
    X509 *top = fix_top_of_peer(f);
    X509 *issuer = top == NULL || X509_self_signed(top, 0) == 1 ? NULL : fix_find_issuer(f, top);
    if (issuer != NULL) {
        return issuer;
    }
    return top != NULL && X509_up_ref(top) == 1 ? top : NULL;
}

static const char *kind_of(const struct fixing *f, X509 *anchor)
{
    return X509_self_signed(anchor, 0) == 1    ? "the root of"
           : X509_cmp(anchor, f->peer[0]) == 0 ? "the very certificate of"
                                               : "an issuer of the certificate of";
}

void fix_trust_peer(struct fixing *f, const char *truststore, const char *whose)
{
    X509 *anchor = truststore[0] == '\0' ? NULL : anchor_of_peer(f);
    if (anchor == NULL) {
        return;
    }
    trust(f, &f->out->fix, truststore, anchor,
          arena_printf(f->arena,
                       "%s is %s %s, and the truststore %s does not have it; check that it is "
                       "to be trusted before you put it there",
                       fix_label(f, anchor), kind_of(f, anchor), whose, truststore));
    X509_free(anchor);
}

json_t *fix_new_truststore(struct fixing *f, const char *name, const char **why)
{
    struct text path = { 0 };
    X509 *anchor = anchor_of_peer(f);
    json_t *made = json_pack("{s:s}", "name", name);
    char *body = made == NULL ? NULL : json_dumps(made, JSON_COMPACT);
    json_t *make = NULL;
    json_t *fill = NULL;
    put_path(f, &path, "keystores", NULL);
    if (anchor != NULL) {
        *why = arena_printf(f->arena,
                            "%s is %s the backend, which nobody trusts here: no truststore is "
                            "named, and the system's roots do not have it. With one of its own, "
                            "%s, the target trusts it and nobody else; check that it is to be "
                            "trusted",
                            fix_label(f, anchor), kind_of(f, anchor), name);
        set_call(&make, "POST", &path, "application/json", body, "the new truststore");
        trust(f, &fill, name, anchor, "what it trusts");
    }
    json_t *both = make == NULL || fill == NULL ? NULL : json_pack("[O, O]", make, fill);
    json_decref(make);
    json_decref(fill);
    json_decref(made);
    free(body);
    X509_free(anchor);
    text_deinit(&path);
    return both;
}

/* --- a chain of our own --- */

struct last_of {
    X509 *x;
};

static void keep_last(void *arg, struct bytes der)
{
    struct last_of *last = arg;
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    if (x != NULL) {
        X509_free(last->x);
        last->x = x;
    }
}

void fix_complete_chain(struct fixing *f, const json_t *ssl, const char *who)
{
    struct alias alias = { 0 };
    struct last_of last = { 0 };
    struct text pem = { 0 };
    if (load_shown(f, ssl, &alias)) {
        x509_pem_each(alias.pem, keep_last, &last);
    }
    X509 *issuer = last.x == NULL ? NULL : fix_find_issuer(f, last.x);
    if (issuer != NULL) {
        text_puts(&pem, alias.pem);
        text_puts(&pem, "\n");
        put_der_of(&pem, issuer);
        char keystore[KEYSTORE_NAME_MAX + 1];
        fix_keystore(f, ssl, "keyStore", keystore);
        const char *name = json_string_value(json_object_get(ssl, "keyAlias"));
        fix_put_chain(f, keystore, name, text_str(&pem),
                      arena_printf(f->arena,
                                   "%s does not send %s, which issued its certificate; a "
                                   "keystore of this environment has it",
                                   who, fix_label(f, issuer)));
    }
    X509_free(issuer);
    X509_free(last.x);
    text_deinit(&pem);
    alias_deinit(&alias);
}
