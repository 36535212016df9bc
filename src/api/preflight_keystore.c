/* Before what a keystore holds is changed, or what a reference stands for: the change is made in a
 * transaction that is undone, and whoever uses it is judged as it would be then. */
#include <string.h>

#include "api/diagnosis.h"
#include "store/references.h"

enum { TRIED_MAX = 32 };

/* A target server that would be another one. Its handshake waits until the store is as it was. */
struct user {
    struct user *next;
    const char *name;
    json_t *document;
    struct target_server t;
    struct target_trial trial;
};

struct preflight {
    struct api_request *r;
    struct api_answer *a;
    const struct preflight_change *change;
    struct user *users, **end;
    size_t n_users;
};

/* Does "name", or "ref://reference", lead to what is changed? */
static bool leads_there(const struct preflight *p, const char *word)
{
    static const char ref[] = "ref://";
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem problem = { 0 };
    const struct preflight_change *c = p->change;
    if (word == NULL) {
        return false;
    }
    if (c->reference != NULL) {
        return strncmp(word, ref, sizeof ref - 1) == 0 &&
               strcmp(word + sizeof ref - 1, c->reference) == 0;
    }
    return references_resolve(p->r->store, api_param(p->r, "o"), api_param(p->r, "e"), word,
                              keystore, &problem) == ST_OK &&
           strcmp(keystore, c->keystore) == 0;
}

static bool is_user(const struct preflight *p, const json_t *document)
{
    const json_t *ssl = json_object_get(document, "sSLInfo");
    const char *alias = json_string_value(json_object_get(ssl, "keyAlias"));
    bool is_shown =
        p->change->alias == NULL || (alias != NULL && strcmp(alias, p->change->alias) == 0);
    return (is_shown && leads_there(p, json_string_value(json_object_get(ssl, "keyStore")))) ||
           leads_there(p, json_string_value(json_object_get(ssl, "trustStore")));
}

static enum status refuse(const struct preflight *p, const char *kind, const char *name,
                          const struct diagnosis *d, struct err *err)
{
    const char *why = arena_printf(p->r->arena, "%s %s, which uses the %s: %s", kind, name,
                                   p->change->reference != NULL ? "reference" : "keystore",
                                   d->sentence == NULL ? "its handshakes would fail" : d->sentence);
    return why == NULL ? err_set(err, ST_NOMEM, "no memory")
                       : api_refuse_with(p->a, 400, "preflight.HandshakeWouldFail", why,
                                         json_pack("[O]", d->answer));
}

/* --- within the transaction --- */

static enum status judge_host(const struct preflight *p, const char *name, const json_t *document,
                              struct err *err)
{
    struct remarks remarks = { .arena = p->r->arena };
    struct virtual_host v;
    struct diagnosis d = { 0 };
    TRY(virtual_host_from_json(document, &remarks, &v, err));
    if (remarks_worst(&remarks, REMARK_ERROR) != NULL) {
        return ST_OK;
    }
    enum status st = diagnose_virtual_host(p->r, p->a, &v, false, &d, err);
    if (st == ST_OK && !d.is_good) {
        st = refuse(p, "virtual host", name, &d, err);
    }
    diagnosis_deinit(&d);
    return st;
}

static enum status take_target(struct preflight *p, const char *name, json_t *document,
                               struct err *err)
{
    struct remarks remarks = { .arena = p->r->arena };
    struct user *u = p->n_users < TRIED_MAX ? arena_alloc(p->r->arena, sizeof *u) : NULL;
    if (u == NULL) {
        return p->n_users < TRIED_MAX ? err_set(err, ST_NOMEM, "no memory") : ST_OK;
    }
    TRY(target_server_from_json(document, &remarks, &u->t, err));
    if (remarks_worst(&remarks, REMARK_ERROR) != NULL || !target_server_is_tls(&u->t)) {
        return ST_OK;
    }
    u->name = arena_strndup(p->r->arena, name, strlen(name));
    u->document = json_incref(document);
    u->trial = (struct target_trial){ .t = &u->t, .document = document };
    *p->end = u;
    p->end = &u->next;
    p->n_users++;
    return u->name == NULL ? err_set(err, ST_NOMEM, "no memory")
                           : target_trial_set(p->r, &u->trial, err);
}

static enum status look_at(struct preflight *p, enum store_kind kind, const char *name,
                           struct err *err)
{
    struct store_document stored = { 0 };
    struct store_key key = {
        .kind = kind, .org = api_param(p->r, "o"), .env = api_param(p->r, "e"), .name = name
    };
    TRY(store_get(p->r->store, &key, &stored, err));
    json_t *document = stored.json == NULL ? NULL : json_loads(stored.json, 0, NULL);
    store_document_deinit(&stored);
    enum status st = ST_OK;
    if (document != NULL && is_user(p, document)) {
        st = kind == STORE_VIRTUAL_HOST ? judge_host(p, name, document, err)
                                        : take_target(p, name, document, err);
    }
    json_decref(document);
    return st;
}

static enum status look_at_all(struct preflight *p, enum store_kind kind, struct err *err)
{
    struct store_names names = { 0 };
    struct store_key within = { .kind = kind,
                                .org = api_param(p->r, "o"),
                                .env = api_param(p->r, "e") };
    TRY(store_list(p->r->store, &within, &names, err));
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < names.n && !api_refused(p->a); i++) {
        st = look_at(p, kind, names.list[i].name, err);
    }
    store_names_deinit(&names);
    return st;
}

static enum status look_ahead(struct preflight *p, struct err *err)
{
    struct store_problem problem = { 0 };
    enum status st = ST_OK;
    TRY(store_begin(p->r->store, err));
    /* What the store refuses it will refuse again, in words of its own. */
    if (p->change->make(p->r, p->change->arg, &problem) == ST_OK) {
        st = look_at_all(p, STORE_VIRTUAL_HOST, err);
        if (st == ST_OK && !api_refused(p->a)) {
            st = look_at_all(p, STORE_TARGET_SERVER, err);
        }
    }
    store_rollback(p->r->store);
    return st;
}

/* --- behind it --- */

static enum status try_target(const struct preflight *p, const struct user *u, struct err *err)
{
    struct diagnosis d = { 0 };
    enum status st = diagnose_trial(p->r, p->a, &u->trial, &d, err);
    if (st == ST_OK && !api_refused(p->a) && !d.is_good) {
        st = refuse(p, "target server", u->name, &d, err);
    }
    diagnosis_deinit(&d);
    return st;
}

static enum status preflight(struct preflight *p, struct err *err)
{
    struct gateway *gateway = p->r->gateway;
    if (gateway != NULL) {
        gateway_lock(gateway);
    }
    enum status st = look_ahead(p, err);
    if (gateway != NULL) {
        gateway_unlock(gateway);
    }
    for (const struct user *u = p->users; u != NULL && st == ST_OK && !api_refused(p->a);
         u = u->next) {
        st = try_target(p, u, err);
    }
    return st;
}

enum status api_preflight_keystore(struct api_request *r, struct api_answer *a,
                                   const struct preflight_change *change, struct err *err)
{
    struct preflight p = { .r = r, .a = a, .change = change };
    p.end = &p.users;
    if (!api_query_is(r, "preflight", false)) {
        return ST_OK;
    }
    enum status st = preflight(&p, err);
    for (struct user *u = p.users; u != NULL; u = u->next) {
        target_trial_deinit(&u->trial);
        json_decref(u->document);
    }
    return st;
}
