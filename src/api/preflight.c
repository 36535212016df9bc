#include "api/preflight.h"

#include <string.h>

#include "api/deployed.h"
#include "api/diagnosis.h"
#include "base/clock.h"
#include "store/references.h"

enum { TRIED_MAX = 32, ALL_S = 60 };

/* A backend that would be another one. Its handshake waits until the store is as it was. */
struct user {
    struct user *next;
    const char *who;  /* "target server weather" */
    json_t *document; /* NULL: it stands in a bundle */
    struct target_server t;
    struct target_trial trial;
};

struct preflight {
    struct api_request *r;
    struct api_answer *a;
    const struct preflight_change *change;
    struct user *users, **end;
    size_t n_users;
    json_t *untried; /* contexts */
};

/* --- who uses it --- */

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

static bool is_meant(const struct preflight *p, const struct store_name_or_reference *named)
{
    const char *word =
        named->name == NULL
            ? NULL
            : arena_printf(p->r->arena, "%s%s", named->is_reference ? "ref://" : "", named->name);
    return leads_there(p, word);
}

/* As what it is used: DIAGNOSE_OWN, DIAGNOSE_TRUST. Without clientAuthEnabled a target shows
 * nothing. */
static unsigned uses(const struct preflight *p, const struct ssl_info *ssl, bool is_target)
{
    const char *alias = p->change->alias;
    bool shows = !is_target || ssl->client_auth_enabled == CHOICE_YES;
    bool is_shown =
        shows && (alias == NULL || (ssl->key_alias != NULL && strcmp(ssl->key_alias, alias) == 0));
    return (is_shown && is_meant(p, &ssl->key_store) ? (unsigned)DIAGNOSE_OWN : 0U) |
           (is_meant(p, &ssl->trust_store) ? (unsigned)DIAGNOSE_TRUST : 0U);
}

/* A backend: of a revision that is to be deployed each. */
static bool is_tried(const struct preflight *p, const struct ssl_info *ssl)
{
    return p->change->api != NULL || uses(p, ssl, true) != 0;
}

static enum status refuse(const struct preflight *p, const char *who, const struct diagnosis *d,
                          struct err *err)
{
    const char *uses = p->change->api != NULL         ? ""
                       : p->change->reference != NULL ? ", which uses the reference"
                                                      : ", which uses the keystore";
    const char *why = arena_printf(p->r->arena, "%s%s: %s", who, uses,
                                   d->sentence == NULL ? "its handshakes would fail" : d->sentence);
    return why == NULL ? err_set(err, ST_NOMEM, "no memory")
                       : api_refuse_with(p->a, 400, "preflight.HandshakeWouldFail", why,
                                         json_pack("[O]", d->answer));
}

static void tell_untried(const struct preflight *p, const char *who, const char *why)
{
    json_array_append_new(p->untried,
                          json_pack("{s:s, s:s, s:s, s:s}", "level", "warning", "where", who,
                                    "message", why, "action",
                                    "Its handshake was not tried: ask for a diagnosis of it"));
}

/* --- within the transaction --- */

static enum status judge_host(const struct preflight *p, const char *name, const json_t *document,
                              struct err *err)
{
    struct remarks remarks = { .arena = p->r->arena };
    struct virtual_host v;
    struct diagnosis d = { 0 };
    TRY(virtual_host_from_json(document, &remarks, &v, err));
    unsigned what = uses(p, &v.ssl, false);
    if (what == 0 || remarks_worst(&remarks, REMARK_ERROR) != NULL) {
        return ST_OK;
    }
    const char *who = arena_printf(p->r->arena, "virtual host %s", name);
    enum status st = diagnose_virtual_host(p->r, &v, what, &d, err);
    if (st == ST_OK && !d.is_good) {
        st = who == NULL ? err_set(err, ST_NOMEM, "no memory") : refuse(p, who, &d, err);
    }
    diagnosis_deinit(&d);
    return st;
}

/* One more to be tried; its target is filled in by the caller. *out NULL: there are too many, or it
 * is there. */
static enum status add_user(struct preflight *p, const char *who, struct user **out,
                            struct err *err)
{
    *out = NULL;
    if (who == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    for (const struct user *u = p->users; u != NULL; u = u->next) {
        if (strcmp(u->who, who) == 0) { /* two endpoints may name one target server */
            return ST_OK;
        }
    }
    if (p->n_users == TRIED_MAX) {
        tell_untried(p, who, "more than 32 backends use it");
        return ST_OK;
    }
    struct user *u = arena_alloc(p->r->arena, sizeof *u);
    if (u == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    u->who = who;
    u->trial.t = &u->t;
    *p->end = u;
    p->end = &u->next;
    p->n_users++;
    *out = u;
    return ST_OK;
}

static enum status take_target(struct preflight *p, const char *name, json_t *document,
                               struct err *err)
{
    struct remarks remarks = { .arena = p->r->arena };
    struct target_server t;
    struct user *u = NULL;
    TRY(target_server_from_json(document, &remarks, &t, err));
    if (remarks_worst(&remarks, REMARK_ERROR) != NULL || !target_server_is_tls(&t) ||
        t.is_enabled == CHOICE_NO || !is_tried(p, &t.ssl)) {
        return ST_OK;
    }
    TRY(add_user(p, arena_printf(p->r->arena, "target server %s", name), &u, err));
    if (u == NULL) {
        return ST_OK;
    }
    u->t = t;
    u->document = json_incref(document);
    u->trial.document = u->document;
    return target_trial_set(p->r, &u->trial, err);
}

static enum status look_at(struct preflight *p, enum store_kind kind, const char *name,
                           struct err *err)
{
    struct store_key key = {
        .kind = kind, .org = api_param(p->r, "o"), .env = api_param(p->r, "e"), .name = name
    };
    json_t *document = NULL;
    TRY(api_document(p->r, &key, &document, err));
    enum status st = document == NULL             ? ST_OK
                     : kind == STORE_VIRTUAL_HOST ? judge_host(p, name, document, err)
                                                  : take_target(p, name, document, err);
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

/* --- targets in bundles --- */

/* One that no route leads to makes no handshakes. */
static bool is_routed(const struct bundle *b, size_t at)
{
    for (size_t i = 0; i < b->n_proxies; i++) {
        for (size_t k = 0; k < b->proxies[i].n_routes; k++) {
            const struct route_rule *rule = &b->proxies[i].routes[k];
            if (rule->kind == ROUTE_TARGET && rule->target_at == at) {
                return true;
            }
        }
    }
    return false;
}

static const char *keep(const struct preflight *p, const char *s)
{
    return s == NULL ? NULL : arena_strndup(p->r->arena, s, strlen(s));
}

/* The bundle does not live until the handshake: what it needs then is copied. */
static enum status take_endpoint(struct preflight *p, const struct deployment *d,
                                 const struct target_endpoint *e, struct err *err)
{
    struct user *u = NULL;
    TRY(add_user(p,
                 arena_printf(p->r->arena, "%s %s of API proxy %s, revision %s",
                              e->at.file == NULL ? "route rule" : "target endpoint", e->name,
                              d->api, d->revision),
                 &u, err));
    if (u == NULL) {
        return ST_OK;
    }
    u->t = (struct target_server){ .name = keep(p, e->name),
                                   .host = keep(p, e->url.host),
                                   .port = { .value = e->url.port, .is_given = true },
                                   .has_ssl_info = true,
                                   .ssl = e->ssl };
    u->t.ssl.enabled = CHOICE_YES;
    u->t.ssl.common_name.value = keep(p, e->ssl.common_name.value);
    u->trial.endpoint = u->t.name;
    u->trial.api = keep(p, d->api);
    u->trial.revision = keep(p, d->revision);
    bool is_whole = u->t.name != NULL && u->t.host != NULL && u->trial.api != NULL &&
                    u->trial.revision != NULL &&
                    (e->ssl.common_name.value == NULL || u->t.ssl.common_name.value != NULL);
    return is_whole ? target_trial_set(p->r, &u->trial, err) : err_set(err, ST_NOMEM, "no memory");
}

static enum status look_at_endpoints(struct preflight *p, const struct deployment *d,
                                     const struct bundle *b, struct err *err)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        const struct target_endpoint *e = &b->targets[i];
        bool is_tls = e->has_ssl_info && !e->has_load_balancer && e->url.host != NULL &&
                      ssl_info_is_on(&e->ssl, e->url.is_tls);
        if (is_tls && is_routed(b, i) && uses(p, &e->ssl, true) != 0) {
            TRY(take_endpoint(p, d, e, err));
        }
    }
    return ST_OK;
}

static enum status look_at_bundle(struct api_request *r, const struct deployment *d, void *arg,
                                  bool *is_done, struct err *err)
{
    struct bundle b;
    TRY(deployed_bundle(r, d->api, d->revision, &b, err));
    enum status st = look_at_endpoints(arg, d, &b, err);
    bundle_deinit(&b);
    *is_done = false;
    return st;
}

/* --- a revision that is to be deployed --- */

static enum status look_at_servers(struct preflight *p, const struct load_balancer *l,
                                   struct err *err)
{
    for (size_t i = 0; i < l->n_servers; i++) {
        if (l->servers[i].is_enabled) {
            TRY(look_at(p, STORE_TARGET_SERVER, l->servers[i].name, err));
        }
    }
    return ST_OK;
}

/* A URL of https without SSLInfo is checked too. */
static bool is_on(const struct target_endpoint *e)
{
    return e->url.host != NULL &&
           (e->has_ssl_info ? ssl_info_is_on(&e->ssl, e->url.is_tls) : e->url.is_tls);
}

/* Route rules with a URL of their own have no SSLInfo. */
static enum status look_at_routes(struct preflight *p, const struct deployment *d,
                                  const struct proxy_endpoint *proxy, struct err *err)
{
    for (size_t i = 0; i < proxy->n_routes; i++) {
        const struct route_rule *rule = &proxy->routes[i];
        struct target_endpoint e = { .name = rule->name, .url = rule->url };
        if (rule->kind == ROUTE_URL && is_on(&e)) {
            TRY(take_endpoint(p, d, &e, err));
        }
    }
    return ST_OK;
}

static enum status look_at_targets(struct preflight *p, const struct deployment *d,
                                   const struct bundle *b, struct err *err)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        const struct target_endpoint *e = &b->targets[i];
        if (is_routed(b, i) && e->has_load_balancer) {
            TRY(look_at_servers(p, &e->load_balancer, err));
        } else if (is_routed(b, i) && is_on(e)) {
            TRY(take_endpoint(p, d, e, err));
        }
    }
    for (size_t i = 0; i < b->n_proxies; i++) {
        TRY(look_at_routes(p, d, &b->proxies[i], err));
    }
    return ST_OK;
}

static enum status look_at_revision(struct preflight *p, struct err *err)
{
    struct deployment d = { .api = p->change->api, .revision = p->change->revision };
    struct bundle b;
    TRY(deployed_bundle(p->r, d.api, d.revision, &b, err));
    enum status st = look_at_targets(p, &d, &b, err);
    bundle_deinit(&b);
    return st;
}

static enum status look_ahead(struct preflight *p, struct err *err)
{
    struct store_problem problem = { 0 };
    enum status st = ST_OK;
    if (p->change->api != NULL) {
        return look_at_revision(p, err);
    }
    TRY(store_begin(p->r->store, err));
    /* What the store refuses it will refuse again, in words of its own. */
    if (p->change->make(p->r, p->change->arg, &problem) == ST_OK) {
        st = look_at_all(p, STORE_VIRTUAL_HOST, err);
        if (st == ST_OK && !api_refused(p->a)) {
            st = look_at_all(p, STORE_TARGET_SERVER, err);
        }
        if (st == ST_OK && !api_refused(p->a)) {
            st = deployed_walk(p->r, api_param(p->r, "e"), NULL, look_at_bundle, p, err);
        }
    }
    store_rollback(p->r->store);
    return st;
}

/* --- behind it --- */

static enum status try_backend(const struct preflight *p, const struct user *u, struct err *err)
{
    struct diagnosis d = { 0 };
    enum status st = diagnose_trial(p->r, p->a, &u->trial, &d, err);
    bool is_bad = st == ST_OK && !api_refused(p->a) && !d.is_good;
    if (is_bad && d.is_unreached) {
        tell_untried(p, u->who, d.sentence);
    } else if (is_bad) {
        if (p->change->reference != NULL) { /* a fix of what it stands for now is none */
            json_object_set_new(d.answer, "fix", json_null());
            json_object_set_new(d.answer, "workaround", json_null());
        }
        st = refuse(p, u->who, &d, err);
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
    int64_t until = clock_monotonic_ns() + ALL_S * NS_PER_S;
    for (const struct user *u = p->users; u != NULL && st == ST_OK && !api_refused(p->a);
         u = u->next) {
        if (clock_monotonic_ns() < until) {
            st = try_backend(p, u, err);
        } else {
            tell_untried(p, u->who, "the backends before it took a minute");
        }
    }
    for (struct user *u = p->users; u != NULL; u = u->next) {
        target_trial_deinit(&u->trial);
        json_decref(u->document);
    }
    return st;
}

/* An upload has contexts of its own. */
static void add_contexts(const struct api_answer *a, json_t *untried)
{
    json_t *contexts = json_object_get(a->json, "contexts");
    if (json_is_array(contexts)) {
        json_array_extend(contexts, untried);
    } else if (json_array_size(untried) > 0 && json_is_object(a->json)) {
        json_object_set(a->json, "contexts", untried);
    }
}

enum status api_change_ahead(struct api_request *r, struct api_answer *a,
                             const struct preflight_change *change, api_work *work, void *arg,
                             struct err *err)
{
    struct preflight p = { .r = r, .a = a, .change = change, .untried = json_array() };
    p.end = &p.users;
    enum status st = api_query_is(r, "preflight", false) ? preflight(&p, err) : ST_OK;
    if (st == ST_OK && !api_refused(a)) {
        st = api_change(r, a, work, arg, err);
        if (st == ST_OK && !api_refused(a)) {
            add_contexts(a, p.untried);
        }
    }
    json_decref(p.untried);
    return st;
}
