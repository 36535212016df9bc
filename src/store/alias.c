/* Aliases put in, changed and taken out. */
#include "store/alias.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/alias_document.h"
#include "store/alias_judge.h"
#include "store/host_name.h"
#include "store/keystore_use.h"
#include "store/self_signed.h"

static const char *const format_ids[] = {
#define ALIAS_FORMAT(symbol, id) id,
#include "store/alias_formats.def"
};

bool alias_format_parse(const char *id, enum alias_format *out)
{
    for (enum alias_format f = 0; f < ALIAS_N_FORMATS; f++) {
        if (strcmp(id, format_ids[f]) == 0) {
            *out = f;
            return true;
        }
    }
    return false;
}

const char *alias_format_id(enum alias_format format)
{
    return format_ids[format];
}

/* --- the name --- */

static enum status want_name(const char *alias, char out[ALIAS_NAME_MAX + 1],
                             struct store_problem *problem)
{
    if (alias == NULL || !name_is_valid(alias, " _.-", ALIAS_NAME_MAX)) {
        return problem_set(problem, PROBLEM_ID_ALIAS_NAME,
                           "An alias is named with 1 to %d letters, digits, blanks, and _ - .",
                           ALIAS_NAME_MAX);
    }
    snprintf(out, ALIAS_NAME_MAX + 1, "%s", alias);
    return ST_OK;
}

static enum status want_new(struct store *s, const struct alias_name *name,
                            struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct store_key key = alias_key_of(name);
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    bool is_there = d.json != NULL;
    store_document_deinit(&d);
    if (is_there) {
        return problem_set(problem, PROBLEM_ID_ALIAS_EXISTS,
                           "Alias %s already exists in keystore %s", name->alias, name->keystore);
    }
    return ST_OK;
}

/* --- putting in --- */

static enum status read_upload(const struct alias_upload *u, const struct self_signed *wanted,
                               struct material *m, struct store_problem *problem)
{
    if (u->format != ALIAS_SELF_SIGNED) {
        return material_read(u, m, problem);
    }
    int64_t at_s = u->at_s != 0 ? u->at_s : clock_now_ns() / NS_PER_S;
    return self_signed_make(wanted, at_s, m, problem);
}

static enum status read_and_put(struct store *s, const struct alias_name *name,
                                const struct alias_upload *u, const struct self_signed *wanted,
                                struct material *m, struct store_problem *problem)
{
    TRY(read_upload(u, wanted, m, problem));
    TRY(alias_judge(s, name, u, m, problem));
    return alias_document_put(s, name, u->format, u->is_exportable, m, problem);
}

enum status alias_create(struct store *s, const struct alias_name *name,
                         const struct alias_upload *u, char out_name[ALIAS_NAME_MAX + 1],
                         struct store_problem *problem)
{
    struct self_signed wanted = { 0 };
    struct keystore_name keystore = alias_keystore(name);
    TRY(keystores_want(s, &keystore, problem));
    if (u->format == ALIAS_SELF_SIGNED) {
        TRY(self_signed_read(u->body, &wanted, problem));
    }
    TRY(want_name(name->alias != NULL ? name->alias : wanted.alias, out_name, problem));
    struct alias_name whole = { name->org, name->env, name->keystore, out_name };
    TRY(want_new(s, &whole, problem));
    struct material m = { 0 };
    enum status st = read_and_put(s, &whole, u, &wanted, &m, problem);
    material_deinit(&m);
    return st;
}

/* --- changing --- */

static enum status replace(struct store *s, const struct alias_name *name,
                           const struct alias_upload *u, const struct alias *a, struct material *m,
                           struct store_problem *problem)
{
    struct alias_upload certs = *u;
    certs.format = ALIAS_TRUST_CERT; /* of the parts, the certificates alone */
    if (a->has_key) {
        struct material old = { .arena.limit_bytes = MATERIAL_ARENA_MAX };
        enum status st = material_add_key(&old, "the key of the alias", a->key, NULL, problem);
        struct bytes spki = old.spki;
        if (st == ST_OK) {
            st = material_read(&certs, m, problem);
        }
        if (st == ST_OK) {
            m->spki = arena_copy(&m->arena, spki);
            st = m->spki.p != NULL ? ST_OK : problem_no_memory(problem);
        }
        material_deinit(&old);
        TRY(st);
    } else {
        TRY(material_read(&certs, m, problem));
    }
    TRY(alias_judge(s, name, u, m, problem));
    return alias_document_put(s, name, a->format, a->is_exportable, m, problem);
}

enum status alias_replace(struct store *s, const struct alias_name *name,
                          const struct alias_upload *u, struct store_problem *problem)
{
    struct alias a;
    TRY(alias_load(s, name, true, &a, problem));
    enum status st = ST_OK;
    if (a.format == ALIAS_KEY_CERT_FILE || a.format == ALIAS_TRUST_CERT) {
        struct material m = { 0 };
        st = replace(s, name, u, &a, &m, problem);
        material_deinit(&m);
    } else {
        st = problem_set(problem, PROBLEM_ID_FORMAT_UNKNOWN,
                         "The certificate of alias %s came as %s and cannot be replaced alone: "
                         "create another alias and use that one",
                         name->alias, alias_format_id(a.format));
    }
    alias_deinit(&a);
    return st;
}

/* --- taking out --- */

enum status alias_delete(struct store *s, const struct alias_name *name,
                         struct store_problem *problem)
{
    struct err err = { 0 };
    struct alias a;
    TRY(alias_load(s, name, false, &a, problem));
    alias_deinit(&a);
    struct keystore_use_question question = {
        .org = name->org, .env = name->env, .keystore = name->keystore, .alias = name->alias
    };
    TRY(keystore_use_refuse(s, &question, PROBLEM_ID_ALIAS_IN_USE, problem));
    struct store_key key = alias_key_of(name);
    return store_delete(s, &key, NULL, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}
