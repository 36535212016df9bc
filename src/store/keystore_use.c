#include "store/keystore_use.h"

#include <jansson.h>
#include <stdio.h>

#include "store/bundle.h"

static const char REF[] = "ref://";

struct search {
    struct store *s;
    const struct keystore_use_question *q;
    void (*each)(void *arg, const struct keystore_use *use);
    void *arg;
    struct store_problem *problem;
};

/* What one SSLInfo names; NULL: nothing. A reference begins with "ref://". */
struct named {
    const char *key_store, *trust_store, *key_alias;
};

/* Frees the document. One that cannot be read might use what is asked about. NULL: there is none.
 */
static enum status read_json(const struct search *at, struct store_document *d, json_t **out)
{
    bool is_there = d->json != NULL;
    *out = is_there ? json_loads(d->json, 0, NULL) : NULL;
    store_document_deinit(d);
    return is_there && *out == NULL ? problem_no_memory(at->problem) : ST_OK;
}

/* --- does it mean what is asked about? --- */

/* The keystore that a reference stands for, or "". */
static enum status refers_to(const struct search *at, const char *reference,
                             char out[KEYSTORE_NAME_MAX + 1])
{
    struct err err = { 0 };
    struct store_document d;
    struct store_key key = {
        .kind = STORE_REFERENCE, .org = at->q->org, .env = at->q->env, .name = reference
    };
    out[0] = '\0';
    if (store_get(at->s, &key, &d, &err) != ST_OK) {
        return problem_failed(at->problem, &err);
    }
    json_t *json = NULL;
    enum status st = read_json(at, &d, &json);
    const char *refers = json_string_value(json_object_get(json, "refers"));
    snprintf(out, KEYSTORE_NAME_MAX + 1, "%s", refers != NULL ? refers : "");
    json_decref(json);
    return st;
}

static enum status means_it(const struct search *at, const char *word, bool *out)
{
    *out = false;
    if (word == NULL || word[0] == '\0') {
        return ST_OK;
    }
    bool is_reference = strncmp(word, REF, sizeof REF - 1) == 0;
    if (at->q->reference != NULL) {
        *out = is_reference && strcmp(word + sizeof REF - 1, at->q->reference) == 0;
        return ST_OK;
    }
    if (!is_reference) {
        *out = strcmp(word, at->q->keystore) == 0;
        return ST_OK;
    }
    char keystore[KEYSTORE_NAME_MAX + 1];
    TRY(refers_to(at, word + sizeof REF - 1, keystore));
    *out = strcmp(keystore, at->q->keystore) == 0;
    return ST_OK;
}

static void tell(const struct search *at, const char *kind, const char *name, const char *field,
                 const char *how)
{
    struct keystore_use use = { kind, name, field, how };
    at->each(at->arg, &use);
}

static enum status look_at_named(const struct search *at, const char *kind, const char *name,
                                 const struct named *n)
{
    bool is_it = false;
    TRY(means_it(at, n->key_store, &is_it));
    const char *alias = n->key_alias != NULL ? n->key_alias : "";
    if (is_it && (at->q->alias == NULL || strcmp(at->q->alias, alias) == 0)) {
        tell(at, kind, name, "keyStore", n->key_store);
    }
    if (at->q->alias != NULL) {
        return ST_OK; /* what a truststore trusts may become less */
    }
    TRY(means_it(at, n->trust_store, &is_it));
    if (is_it) {
        tell(at, kind, name, "trustStore", n->trust_store);
    }
    return ST_OK;
}

/* --- documents --- */

static enum status look_at_ssl_info(const struct search *at, const char *kind, const char *name,
                                    const json_t *document)
{
    const json_t *ssl = json_object_get(document, "sSLInfo");
    struct named named = {
        .key_store = json_string_value(json_object_get(ssl, "keyStore")),
        .trust_store = json_string_value(json_object_get(ssl, "trustStore")),
        .key_alias = json_string_value(json_object_get(ssl, "keyAlias")),
    };
    return look_at_named(at, kind, name, &named);
}

static enum status look_at_reference(const struct search *at, const char *kind, const char *name,
                                     const json_t *document)
{
    const char *refers = json_string_value(json_object_get(document, "refers"));
    if (at->q->keystore != NULL && at->q->alias == NULL && refers != NULL &&
        strcmp(refers, at->q->keystore) == 0) {
        tell(at, kind, name, "refers", refers);
    }
    return ST_OK;
}

typedef enum status look(const struct search *at, const char *kind, const char *name,
                         const json_t *document);

static enum status look_at_one(const struct search *at, const struct store_key *key,
                               const char *words, look *look_at)
{
    struct err err = { 0 };
    struct store_document d;
    if (store_get(at->s, key, &d, &err) != ST_OK) {
        return problem_failed(at->problem, &err);
    }
    json_t *json = NULL;
    TRY(read_json(at, &d, &json));
    enum status st = json != NULL ? look_at(at, words, key->name, json) : ST_OK;
    json_decref(json);
    return st;
}

static enum status look_at_all(const struct search *at, enum store_kind kind, const char *words,
                               look *look_at)
{
    struct err err = { 0 };
    struct store_names names;
    struct store_key within = { .kind = kind, .org = at->q->org, .env = at->q->env };
    if (store_list(at->s, &within, &names, &err) != ST_OK) {
        return problem_failed(at->problem, &err);
    }
    enum status st = ST_OK;
    for (size_t i = 0; i < names.n && st == ST_OK; i++) {
        struct store_key key = within;
        key.name = names.list[i].name;
        st = look_at_one(at, &key, words, look_at);
    }
    store_names_deinit(&names);
    return st;
}

/* --- deployed bundles --- */

static const char *spell(const struct store_name_or_reference *n, char *out, size_t size)
{
    if (n->name == NULL) {
        return NULL;
    }
    snprintf(out, size, "%s%s", n->is_reference ? REF : "", n->name);
    return out;
}

static enum status look_at_targets(const struct search *at, const char *name,
                                   const struct bundle *b)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        char key_store[512];
        char trust_store[512];
        const struct ssl_info *ssl = &b->targets[i].ssl;
        struct named named = { spell(&ssl->key_store, key_store, sizeof key_store),
                               spell(&ssl->trust_store, trust_store, sizeof trust_store),
                               ssl->key_alias };
        if (b->targets[i].has_ssl_info) {
            TRY(look_at_named(at, "API proxy", name, &named));
        }
    }
    return ST_OK;
}

static enum status look_at_zip(const struct search *at, const char *name, struct bytes zip)
{
    struct err err = { 0 };
    struct bundle b;
    if (bundle_read(zip, &b, &err) != ST_OK) {
        return problem_failed(at->problem, &err);
    }
    enum status st = look_at_targets(at, name, &b);
    bundle_deinit(&b);
    return st;
}

static enum status look_at_deployment(const struct search *at, const struct store_name *n)
{
    struct err err = { 0 };
    struct bytes zip = { 0 };
    char name[600];
    struct store_key key = {
        .kind = STORE_REVISION, .org = n->org, .parent = n->parent, .name = n->name
    };
    if (store_blob(at->s, &key, &zip, &err) != ST_OK) {
        return problem_failed(at->problem, &err);
    }
    snprintf(name, sizeof name, "%s, revision %s", n->parent, n->name);
    enum status st = zip.p != NULL ? look_at_zip(at, name, zip) : ST_OK;
    store_bytes_free(zip);
    return st;
}

static enum status look_at_deployments(const struct search *at)
{
    struct err err = { 0 };
    struct store_names names;
    struct store_key within = { .kind = STORE_DEPLOYMENT, .org = at->q->org, .env = at->q->env };
    if (store_list(at->s, &within, &names, &err) != ST_OK) {
        return problem_failed(at->problem, &err);
    }
    enum status st = ST_OK;
    for (size_t i = 0; i < names.n && st == ST_OK; i++) {
        st = look_at_deployment(at, &names.list[i]);
    }
    store_names_deinit(&names);
    return st;
}

/* --- all of it --- */

enum status keystore_uses(struct store *s, const struct keystore_use_question *question,
                          void (*each)(void *arg, const struct keystore_use *use), void *arg,
                          struct store_problem *problem)
{
    struct search at = { s, question, each, arg, problem };
    TRY(look_at_all(&at, STORE_REFERENCE, "reference", look_at_reference));
    TRY(look_at_all(&at, STORE_VIRTUAL_HOST, "virtual host", look_at_ssl_info));
    TRY(look_at_all(&at, STORE_TARGET_SERVER, "target server", look_at_ssl_info));
    return look_at_deployments(&at);
}

struct refusal {
    struct store_problem *problem;
    size_t n;
    char first[320];
};

static void refuse_for(void *arg, const struct keystore_use *use)
{
    struct refusal *r = arg;
    struct problem_context *c = problem_add(r->problem, false, "");
    snprintf(c->where, sizeof c->where, "%s %s", use->kind, use->name);
    snprintf(c->message, sizeof c->message, "Its %s is %s", use->field, use->how);
    snprintf(c->action, sizeof c->action, "Change or delete it first");
    if (r->n++ == 0) {
        snprintf(r->first, sizeof r->first, "%s", c->where);
    }
}

enum status keystore_use_refuse(struct store *s, const struct keystore_use_question *question,
                                enum problem_id id, struct store_problem *problem)
{
    struct refusal r = { .problem = problem };
    TRY(keystore_uses(s, question, refuse_for, &r, problem));
    if (r.n == 0) {
        return ST_OK;
    }
    const char *name = question->alias != NULL      ? question->alias
                       : question->keystore != NULL ? question->keystore
                                                    : question->reference;
    if (r.n == 1) {
        return problem_set(problem, id, "%s is in use by %s", name, r.first);
    }
    return problem_set(problem, id, "%s is in use by %s and %zu more", name, r.first, r.n - 1);
}
