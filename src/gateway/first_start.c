#include "gateway/first_start.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/gateway.h"
#include "store/alias.h"
#include "store/keystores.h"

/* The store's own words, for whoever starts the gateway. */
static enum status take(const struct store_problem *problem, enum status st, struct err *err)
{
    return st == ST_OK ? ST_OK : err_set(err, st, "%s", problem->message);
}

static enum status put(struct store *s, const struct store_key *key, json_t *json, struct err *err)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    enum status st = store_put(s, key, text, (struct bytes){ 0 }, (struct bytes){ 0 }, err);
    free(text);
    return st;
}

static json_t *aliases_of(const struct first_start *what)
{
    json_t *list = json_array();
    for (size_t i = 0; i < what->n_hosts; i++) {
        json_array_append_new(list, json_string(what->hosts[i]));
    }
    return list;
}

static enum status put_host(struct store *s, const struct first_start *what, const char *name,
                            unsigned port, json_t *ssl, struct err *err)
{
    struct store_key key = { STORE_VIRTUAL_HOST, what->org, what->env, NULL, name };
    char digits[16];
    snprintf(digits, sizeof digits, "%u", port);
    json_t *host =
        json_pack("{s:s, s:o, s:s}", "name", name, "hostAliases", aliases_of(what), "port", digits);
    if (ssl != NULL) {
        json_object_set_new(host, "sSLInfo", ssl);
    }
    return put(s, &key, host, err);
}

static enum status make_certificate(struct store *s, const struct first_start *what,
                                    struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name keystore = { what->org, what->env, "default" };
    struct alias_name alias = { what->org, what->env, "default", "default" };
    char made[ALIAS_NAME_MAX + 1];
    json_t *body = json_pack(
        "{s:s, s:i, s:s, s:{s:s}, s:i, s:{s:o}}", "alias", "default", "keySize", 2048, "sigAlg",
        "SHA256withRSA", "subject", "commonName", what->hosts[0], "certValidityInDays", 825,
        "subjectAlternativeDNSNames", "subjectAlternativeName", aliases_of(what));
    if (body == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    struct alias_upload upload = { .format = ALIAS_SELF_SIGNED, .body = body };
    enum status st = keystores_create(s, &keystore, &problem);
    if (st == ST_OK) {
        st = alias_create(s, &alias, &upload, made, &problem);
    }
    json_decref(body);
    return take(&problem, st, err);
}

static enum status fill(struct store *s, const struct first_start *what, struct err *err)
{
    struct store_key org = { STORE_ORGANIZATION, NULL, NULL, NULL, what->org };
    struct store_key env = { STORE_ENVIRONMENT, what->org, NULL, NULL, what->env };
    TRY(put(s, &org, json_pack("{s:s, s:s}", "name", what->org, "displayName", what->org), err));
    TRY(put(s, &env, json_pack("{s:s}", "name", what->env), err));
    TRY(make_certificate(s, what, err));
    TRY(put_host(s, what, "default", what->http_port, NULL, err));
    return put_host(s, what, "secure", what->https_port,
                    json_pack("{s:s, s:s, s:s, s:s}", "enabled", "true", "clientAuthEnabled",
                              "false", "keyStore", "default", "keyAlias", "default"),
                    err);
}

static enum status begin(struct store *s, const struct first_start *what,
                         char out_password[USER_MADE_PASSWORD + 1], struct err *err)
{
    struct store_problem problem = { 0 };
    enum status st = users_make_first(s, what->admin, out_password, &problem);
    TRY(take(&problem, st, err));
    TRY(fill(s, what, err));
    return store_commit(s, err);
}

enum status first_start(struct store *s, const struct first_start *what, bool *was_first,
                        char out_password[USER_MADE_PASSWORD + 1], struct err *err)
{
    struct store_problem problem = { 0 };
    struct store_names users = { 0 };
    *was_first = false;
    enum status st = users_list(s, &users, &problem);
    TRY(take(&problem, st, err));
    *was_first = users.n == 0;
    store_names_deinit(&users);
    if (!*was_first) {
        return ST_OK;
    }
    TRY(gateway_try_port(what->http_port, err));
    TRY(gateway_try_port(what->https_port, err));
    TRY(store_begin(s, err));
    st = begin(s, what, out_password, err);
    if (st != ST_OK) {
        store_rollback(s);
    }
    return st;
}
