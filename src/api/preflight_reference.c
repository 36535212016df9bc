/* Before a reference is let stand for another keystore: what uses it, with that keystore in its
 * place. */
#include <stdio.h>
#include <string.h>

#include "api/diagnosis.h"

enum { TRIED_MAX = 32, WORD_ROOM = 320 };

struct preflight {
    struct api_request *r;
    struct api_answer *a;
    char word[WORD_ROOM]; /* "ref://NAME" */
    const char *refers;
    size_t n_tried; /* target servers: each costs a handshake */
};

/* False: it does not use the reference. */
static bool put_in_place(const struct preflight *p, json_t *document)
{
    static const char *const members[] = { "keyStore", "trustStore" };
    json_t *ssl = json_object_get(document, "sSLInfo");
    bool is_user = false;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *word = json_string_value(json_object_get(ssl, members[i]));
        if (word != NULL && strcmp(word, p->word) == 0) {
            json_object_set_new(ssl, members[i], json_string(p->refers));
            is_user = true;
        }
    }
    return is_user;
}

static enum status diagnose(struct preflight *p, enum store_kind kind, const json_t *document,
                            struct diagnosis *d, struct err *err)
{
    struct remarks remarks = { .arena = p->r->arena };
    struct target_server t;
    struct virtual_host v;
    d->is_good = true;
    if (kind == STORE_VIRTUAL_HOST) {
        TRY(virtual_host_from_json(document, &remarks, &v, err));
        return remarks_worst(&remarks, REMARK_ERROR) != NULL
                   ? ST_OK
                   : diagnose_virtual_host(p->r, p->a, &v, false, d, err);
    }
    TRY(target_server_from_json(document, &remarks, &t, err));
    return remarks_worst(&remarks, REMARK_ERROR) != NULL || p->n_tried++ >= TRIED_MAX
               ? ST_OK
               : diagnose_target(p->r, p->a, &t, document, d, err);
}

static enum status refuse(struct preflight *p, enum store_kind kind, const char *name,
                          const struct diagnosis *d, struct err *err)
{
    const char *why =
        arena_printf(p->r->arena, "%s %s, which uses the reference: %s",
                     kind == STORE_VIRTUAL_HOST ? "virtual host" : "target server", name,
                     d->sentence == NULL ? "its handshakes would fail" : d->sentence);
    return why == NULL ? err_set(err, ST_NOMEM, "no memory")
                       : api_refuse_with(p->a, 400, "preflight.HandshakeWouldFail", why,
                                         json_pack("[O]", d->answer));
}

static enum status look_at(struct preflight *p, enum store_kind kind, const char *name,
                           struct err *err)
{
    struct store_document stored = { 0 };
    struct diagnosis d = { 0 };
    struct store_key key = {
        .kind = kind, .org = api_param(p->r, "o"), .env = api_param(p->r, "e"), .name = name
    };
    TRY(store_get(p->r->store, &key, &stored, err));
    json_t *document = stored.json == NULL ? NULL : json_loads(stored.json, 0, NULL);
    store_document_deinit(&stored);
    bool is_user = document != NULL && put_in_place(p, document);
    enum status st = is_user ? diagnose(p, kind, document, &d, err) : ST_OK;
    if (st == ST_OK && is_user && !api_refused(p->a) && !d.is_good) {
        st = refuse(p, kind, name, &d, err);
    }
    diagnosis_deinit(&d);
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

enum status api_preflight_reference(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct preflight p = { .r = r, .a = a, .refers = api_json_str(r, "refers") };
    if (!api_query_is(r, "preflight", false) || p.refers == NULL || p.refers[0] == '\0') {
        return ST_OK;
    }
    snprintf(p.word, sizeof p.word, "ref://%s", api_param(r, "r"));
    TRY(look_at_all(&p, STORE_VIRTUAL_HOST, err));
    return api_refused(a) ? ST_OK : look_at_all(&p, STORE_TARGET_SERVER, err);
}
