#include "store/references.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/host_name.h"
#include "store/keystore_use.h"

static const char REF[] = "ref://";
static const char KEY_STORE[] = "KeyStore";
static const char TRUST_STORE[] = "TrustStore";

static struct store_key key_of(const struct reference_name *name)
{
    return (struct store_key){
        .kind = STORE_REFERENCE, .org = name->org, .env = name->env, .name = name->reference
    };
}

/* The document, a new reference; NULL where there is none. */
static enum status load(struct store *s, const struct reference_name *name, json_t **out,
                        struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct store_key key = key_of(name);
    *out = NULL;
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    bool is_there = d.json != NULL;
    if (is_there) {
        *out = json_loads(d.json, 0, NULL);
    }
    store_document_deinit(&d);
    return is_there && *out == NULL ? problem_no_memory(problem) : ST_OK;
}

static enum status want(struct store *s, const struct reference_name *name, json_t **out,
                        struct store_problem *problem)
{
    TRY(load(s, name, out, problem));
    if (*out == NULL) {
        return problem_set(problem, PROBLEM_ID_REFERENCE_UNKNOWN,
                           "Reference %s does not exist in environment %s", name->reference,
                           name->env);
    }
    return ST_OK;
}

/* --- writing --- */

static enum status check_type(const char *type, struct store_problem *problem)
{
    if (strcmp(type, KEY_STORE) == 0 || strcmp(type, TRUST_STORE) == 0) {
        return ST_OK;
    }
    return problem_set(problem, PROBLEM_ID_REFERENCE_INVALID,
                       "resourceType: KeyStore and TrustStore are possible");
}

static enum status check_target(struct store *s, const struct reference_name *name,
                                const char *refers, struct store_problem *problem)
{
    struct keystore_name keystore = { name->org, name->env, refers };
    enum status st = keystores_want(s, &keystore, problem);
    if (st == ST_OK || problem->kind == PROBLEM_FAILED) {
        return st;
    }
    return problem_set(problem, PROBLEM_ID_REFERENCE_TO_NOTHING,
                       "Reference %s: keystore %s does not exist in environment %s",
                       name->reference, refers, name->env);
}

static enum status put(struct store *s, const struct reference_name *name, const char *refers,
                       const char *type, struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_key key = key_of(name);
    TRY(check_type(type, problem));
    TRY(check_target(s, name, refers, problem));
    json_t *json = json_pack("{s:s, s:s}", "refers", refers, "resourceType", type);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text == NULL) {
        return problem_no_memory(problem);
    }
    enum status st = store_put(s, &key, text, (struct bytes){ 0 }, (struct bytes){ 0 }, &err);
    free(text);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status references_create(struct store *s, const char *org, const char *env,
                              const struct reference_fields *f, struct store_problem *problem)
{
    struct reference_name name = { org, env, f->name };
    if (f->name == NULL || !name_is_valid(f->name, "_.-", REFERENCE_NAME_MAX)) {
        return problem_set(problem, PROBLEM_ID_REFERENCE_INVALID,
                           "A reference is named with 1 to %d letters, digits, and _ - .",
                           REFERENCE_NAME_MAX);
    }
    if (f->refers == NULL || f->refers[0] == '\0') {
        return problem_set(problem, PROBLEM_ID_REFERENCE_INVALID,
                           "refers: the name of a keystore is wanted");
    }
    json_t *old = NULL;
    TRY(load(s, &name, &old, problem));
    bool is_there = old != NULL;
    json_decref(old);
    if (is_there) {
        return problem_set(problem, PROBLEM_ID_REFERENCE_EXISTS,
                           "Reference %s already exists in environment %s", f->name, env);
    }
    return put(s, &name, f->refers, f->resource_type != NULL ? f->resource_type : KEY_STORE,
               problem);
}

enum status references_change(struct store *s, const struct reference_name *name,
                              const struct reference_fields *f, struct store_problem *problem)
{
    json_t *old = NULL;
    TRY(want(s, name, &old, problem));
    enum status st = ST_OK;
    if (f->name != NULL && strcmp(f->name, name->reference) != 0) {
        st = problem_set(problem, PROBLEM_ID_REFERENCE_INVALID,
                         "name: %s cannot be renamed; create another reference", name->reference);
    } else {
        const char *refers = json_string_value(json_object_get(old, "refers"));
        const char *type = json_string_value(json_object_get(old, "resourceType"));
        refers = f->refers != NULL ? f->refers : refers;
        type = f->resource_type != NULL ? f->resource_type : type;
        st = put(s, name, refers != NULL ? refers : "", type != NULL ? type : KEY_STORE, problem);
    }
    json_decref(old);
    return st;
}

enum status references_delete(struct store *s, const struct reference_name *name,
                              struct store_problem *problem)
{
    struct err err = { 0 };
    json_t *old = NULL;
    struct keystore_use_question question = { .org = name->org,
                                              .env = name->env,
                                              .reference = name->reference };
    TRY(want(s, name, &old, problem));
    json_decref(old);
    TRY(keystore_use_refuse(s, &question, PROBLEM_ID_REFERENCE_IN_USE, problem));
    struct store_key key = key_of(name);
    return store_delete(s, &key, NULL, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}

/* --- reading --- */

enum status references_show(struct store *s, const struct reference_name *name, json_t **out,
                            struct store_problem *problem)
{
    json_t *json = NULL;
    TRY(want(s, name, &json, problem));
    if (json_object_set_new(json, "name", json_string(name->reference)) != 0) {
        json_decref(json);
        return problem_no_memory(problem);
    }
    *out = json;
    return ST_OK;
}

enum status references_list(struct store *s, const char *org, const char *env, json_t **out,
                            struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_names names;
    struct store_key within = { .kind = STORE_REFERENCE, .org = org, .env = env };
    if (store_list(s, &within, &names, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    json_t *list = json_array();
    bool all = list != NULL;
    for (size_t i = 0; i < names.n && all; i++) {
        all = json_array_append_new(list, json_string(names.list[i].name)) == 0;
    }
    store_names_deinit(&names);
    if (!all) {
        json_decref(list);
        return problem_no_memory(problem);
    }
    *out = list;
    return ST_OK;
}

enum status references_resolve(struct store *s, const char *org, const char *env, const char *word,
                               char out[KEYSTORE_NAME_MAX + 1], struct store_problem *problem)
{
    snprintf(out, KEYSTORE_NAME_MAX + 1, "%s", word);
    if (strncmp(word, REF, sizeof REF - 1) == 0) {
        struct reference_name name = { org, env, word + sizeof REF - 1 };
        json_t *json = NULL;
        TRY(want(s, &name, &json, problem));
        const char *refers = json_string_value(json_object_get(json, "refers"));
        snprintf(out, KEYSTORE_NAME_MAX + 1, "%s", refers != NULL ? refers : "");
        json_decref(json);
    } else if (strlen(word) > KEYSTORE_NAME_MAX) {
        return problem_set(problem, PROBLEM_ID_KEYSTORE_UNKNOWN,
                           "Keystore %.128s... does not exist in environment %s", word, env);
    }
    struct keystore_name keystore = { org, env, out };
    return keystores_want(s, &keystore, problem);
}
