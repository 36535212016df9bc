#include "store/keystores.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/alias.h"
#include "store/host_name.h"
#include "store/keystore_use.h"

static const char CERT[] = "-cert";
static const char KEY[] = "-key";

static struct store_key key_of(const struct keystore_name *name)
{
    return (struct store_key){
        .kind = STORE_KEYSTORE, .org = name->org, .env = name->env, .name = name->keystore
    };
}

static enum status look_for(struct store *s, const struct keystore_name *name, bool *out,
                            struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct store_key key = key_of(name);
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    *out = d.json != NULL;
    store_document_deinit(&d);
    return ST_OK;
}

enum status keystores_want(struct store *s, const struct keystore_name *name,
                           struct store_problem *problem)
{
    bool is_there = false;
    TRY(look_for(s, name, &is_there, problem));
    if (!is_there) {
        return problem_set(problem, PROBLEM_ID_KEYSTORE_UNKNOWN,
                           "Keystore %s does not exist in environment %s", name->keystore,
                           name->env);
    }
    return ST_OK;
}

enum status keystores_create(struct store *s, const struct keystore_name *name,
                             struct store_problem *problem)
{
    struct err err = { 0 };
    bool is_there = false;
    if (name->keystore == NULL || !name_is_valid(name->keystore, "", KEYSTORE_NAME_MAX)) {
        return problem_set(problem, PROBLEM_ID_KEYSTORE_NAME,
                           "A keystore is named with 1 to %d letters and digits",
                           KEYSTORE_NAME_MAX);
    }
    TRY(look_for(s, name, &is_there, problem));
    if (is_there) {
        return problem_set(problem, PROBLEM_ID_KEYSTORE_EXISTS,
                           "Keystore %s already exists in environment %s", name->keystore,
                           name->env);
    }
    struct store_key key = key_of(name);
    enum status st = store_put(s, &key, "{}", (struct bytes){ 0 }, (struct bytes){ 0 }, &err);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status keystores_delete(struct store *s, const struct keystore_name *name,
                             struct store_problem *problem)
{
    struct err err = { 0 };
    struct keystore_use_question question = { .org = name->org,
                                              .env = name->env,
                                              .keystore = name->keystore };
    TRY(keystores_want(s, name, problem));
    TRY(keystore_use_refuse(s, &question, PROBLEM_ID_KEYSTORE_IN_USE, problem));
    struct store_key key = key_of(name);
    return store_delete(s, &key, NULL, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}

/* --- lists --- */

static enum status list_aliases(struct store *s, const struct keystore_name *name,
                                struct store_names *out, struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_key within = {
        .kind = STORE_ALIAS, .org = name->org, .env = name->env, .parent = name->keystore
    };
    TRY(keystores_want(s, name, problem));
    return store_list(s, &within, out, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}

/* Each name with `end` after it. Frees the names. */
static enum status names_as_json(struct store_names *names, const char *end, json_t **out,
                                 struct store_problem *problem)
{
    json_t *list = json_array();
    bool all = list != NULL;
    for (size_t i = 0; i < names->n && all; i++) {
        all = json_array_append_new(list, json_sprintf("%s%s", names->list[i].name, end)) == 0;
    }
    store_names_deinit(names);
    if (!all) {
        json_decref(list);
        return problem_no_memory(problem);
    }
    *out = list;
    return ST_OK;
}

enum status keystores_list(struct store *s, const struct keystore_name *name, json_t **out,
                           struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_names names;
    struct store_key within = { .kind = STORE_KEYSTORE, .org = name->org, .env = name->env };
    if (store_list(s, &within, &names, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    return names_as_json(&names, "", out, problem);
}

enum status keystores_list_aliases(struct store *s, const struct keystore_name *name, json_t **out,
                                   struct store_problem *problem)
{
    struct store_names names;
    TRY(list_aliases(s, name, &names, problem));
    return names_as_json(&names, "", out, problem);
}

enum status keystores_list_certs(struct store *s, const struct keystore_name *name, json_t **out,
                                 struct store_problem *problem)
{
    struct store_names names;
    TRY(list_aliases(s, name, &names, problem));
    return names_as_json(&names, CERT, out, problem);
}

/* --- the whole object --- */

struct parts {
    json_t *aliases, *certs, *keys;
};

/* The key is left out where there is none. */
static bool add_alias(const struct parts *p, const char *name, bool has_key)
{
    json_t *alias =
        json_pack("{s:s, s:o}", "aliasName", name, "cert", json_sprintf("%s%s", name, CERT));
    bool all = alias != NULL;
    if (all && has_key) {
        all = json_object_set_new(alias, "key", json_sprintf("%s%s", name, KEY)) == 0 &&
              json_array_append_new(p->keys, json_string(name)) == 0;
    }
    all = all && json_array_append(p->aliases, alias) == 0 &&
          json_array_append_new(p->certs, json_sprintf("%s%s", name, CERT)) == 0;
    json_decref(alias);
    return all;
}

static enum status add_aliases(struct store *s, const struct keystore_name *name,
                               const struct store_names *names, const struct parts *p,
                               struct store_problem *problem)
{
    for (size_t i = 0; i < names->n; i++) {
        struct err err = { 0 };
        struct store_document d;
        struct store_key key = { .kind = STORE_ALIAS,
                                 .org = name->org,
                                 .env = name->env,
                                 .parent = name->keystore,
                                 .name = names->list[i].name };
        if (store_get(s, &key, &d, &err) != ST_OK) {
            return problem_failed(problem, &err);
        }
        bool has_key = d.has_secret;
        store_document_deinit(&d);
        if (!add_alias(p, key.name, has_key)) {
            return problem_no_memory(problem);
        }
    }
    return ST_OK;
}

enum status keystores_show(struct store *s, const struct keystore_name *name, json_t **out,
                           struct store_problem *problem)
{
    struct store_names names;
    TRY(list_aliases(s, name, &names, problem));
    struct parts p = { json_array(), json_array(), json_array() };
    json_t *whole = json_pack("{s:o, s:o, s:o, s:s}", "aliases", p.aliases, "certs", p.certs,
                              "keys", p.keys, "name", name->keystore); /* takes the parts */
    enum status st =
        whole != NULL ? add_aliases(s, name, &names, &p, problem) : problem_no_memory(problem);
    store_names_deinit(&names);
    if (st != ST_OK) {
        json_decref(whole);
        return st;
    }
    *out = whole;
    return ST_OK;
}

/* --- certificates by their names --- */

static enum status is_alias(struct store *s, const struct keystore_name *name, const char *alias,
                            bool *out, struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct store_key key = { .kind = STORE_ALIAS,
                             .org = name->org,
                             .env = name->env,
                             .parent = name->keystore,
                             .name = alias };
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    *out = d.json != NULL;
    store_document_deinit(&d);
    return ST_OK;
}

/* "a-cert" is an alias's certificate before it is the alias "a-cert"'s. */
static enum status find_cert(struct store *s, const struct keystore_name *name, char *word,
                             struct store_problem *problem)
{
    bool is_there = false;
    size_t len = strlen(word);
    if (len >= sizeof CERT && strcmp(word + len - (sizeof CERT - 1), CERT) == 0) {
        word[len - (sizeof CERT - 1)] = '\0';
        TRY(is_alias(s, name, word, &is_there, problem));
        if (is_there) {
            return ST_OK;
        }
        word[len - (sizeof CERT - 1)] = CERT[0];
    }
    TRY(is_alias(s, name, word, &is_there, problem));
    if (!is_there) {
        return problem_set(problem, PROBLEM_ID_CERTIFICATE_UNKNOWN,
                           "Certificate %s does not exist in keystore %s", word, name->keystore);
    }
    return ST_OK;
}

enum status keystores_find_cert(struct store *s, const struct keystore_name *name, const char *cert,
                                char **out_alias, struct store_problem *problem)
{
    TRY(keystores_want(s, name, problem));
    char *word = strdup(cert);
    if (word == NULL) {
        return problem_no_memory(problem);
    }
    enum status st = find_cert(s, name, word, problem);
    if (st != ST_OK) {
        free(word);
        return st;
    }
    *out_alias = word;
    return ST_OK;
}

/* --- what it trusts --- */

enum status keystores_trusted_pem(struct store *s, const struct keystore_name *name,
                                  struct text *out, size_t *n_certs, struct store_problem *problem)
{
    struct store_names names;
    size_t n = 0;
    enum status st = list_aliases(s, name, &names, problem);
    TRY(st);
    for (size_t i = 0; i < names.n && st == ST_OK; i++) {
        struct alias a = { 0 };
        struct alias_name one = { name->org, name->env, name->keystore, names.list[i].name };
        st = alias_load(s, &one, false, &a, problem);
        if (st == ST_OK) {
            text_puts(out, out->len > 0 ? "\n" : "");
            text_puts(out, a.pem);
            n += a.n_certs;
        }
        alias_deinit(&a);
    }
    store_names_deinit(&names);
    TRY(st);
    if (n_certs != NULL) {
        *n_certs = n;
    }
    return out->failed ? problem_no_memory(problem) : ST_OK;
}
