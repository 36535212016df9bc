/*
 * testssl: tries a keystore or truststore before anything uses it.
 *
 * The guide's system names the path and not its form. Here GET judges every certificate that it
 * holds; POST {host, port} makes a handshake with that server as a target server would: with the
 * store as its truststore, or with {keyAlias} as its keystore, for a server that asks for a
 * certificate. The answer is that of a diagnosis.
 */
#include <string.h>

#include "api/diagnosis.h"
#include "store/keystores.h"

static enum status add_aliases(struct api_request *r, const json_t *names, json_t *out,
                               bool *is_good)
{
    static const struct texts no_hosts = { 0 };
    for (size_t i = 0; i < json_array_size(names); i++) {
        bool one_is_good = true;
        json_t *one =
            diagnose_alias(r, api_param(r, "k"), json_string_value(json_array_get(names, i)),
                           &no_hosts, &one_is_good);
        if (json_array_append_new(out, one) != 0) {
            return ST_NOMEM;
        }
        *is_good = *is_good && one_is_good;
    }
    return ST_OK;
}

static enum status judge(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = { api_param(r, "o"), api_param(r, "e"), api_param(r, "k") };
    json_t *names = NULL;
    bool is_good = true;
    TRY(api_problem(a, keystores_list_aliases(r->store, &name, &names, &problem), &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    json_t *aliases = json_array();
    enum status st = add_aliases(r, names, aliases, &is_good);
    json_decref(names);
    if (st != ST_OK) {
        json_decref(aliases);
        return st;
    }
    return api_say(
        a, 200,
        json_pack("{s:s, s:b, s:o}", "name", name.keystore, "isGood", is_good, "aliases", aliases));
}

/* The target server that would be made for it. */
static json_t *target_of(const struct api_request *r)
{
    const char *keystore = api_param(r, "k");
    const char *alias = api_json_str(r, "keyAlias");
    json_t *ssl = alias == NULL
                      ? json_pack("{s:s, s:s}", "enabled", "true", "trustStore", keystore)
                      : json_pack("{s:s, s:s, s:s, s:s}", "enabled", "true", "clientAuthEnabled",
                                  "true", "keyStore", keystore, "keyAlias", alias);
    json_t *port = json_object_get(r->json, "port");
    return json_pack("{s:s, s:O*, s:o, s:b, s:o*}", "name", "testssl", "host",
                     json_object_get(r->json, "host"), "port",
                     port == NULL ? json_integer(443) : json_incref(port), "isEnabled", 1,
                     "sSLInfo", ssl);
}

static enum status try_target(struct api_request *r, struct api_answer *a, const json_t *document,
                              struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    struct target_server target;
    struct diagnosis diagnosis = { 0 };
    TRY(target_server_from_json(document, &remarks, &target, err));
    const struct remark *worst = remarks_worst(&remarks, REMARK_ERROR);
    if (worst != NULL) {
        return api_refuse(a, 400, "body.Invalid", "%s", worst->text);
    }
    enum status st = diagnose_target(r, a, &target, document, &diagnosis, err);
    if (st == ST_OK && !api_refused(a)) {
        st = api_say(a, 200, json_incref(diagnosis.answer));
    }
    diagnosis_deinit(&diagnosis);
    return st;
}

static enum status try_server(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = { api_param(r, "o"), api_param(r, "e"), api_param(r, "k") };
    TRY(api_problem(a, keystores_want(r->store, &name, &problem), &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    if (api_json_str(r, "host") == NULL) {
        return api_refuse(a, 400, "body.Invalid", "host is needed, and port where it is not 443");
    }
    json_t *document = target_of(r);
    if (document == NULL) {
        return ST_NOMEM;
    }
    enum status st = try_target(r, a, document, err);
    json_decref(document);
    return st;
}

/* clang-format off: a table reads by columns */
#define TESTSSL "/organizations/{o}/environments/{e}/keystores/{k}/testssl"
static const struct api_route routes[] = {
    { API_GET, TESTSSL, API_RIGHT_DIAGNOSE, judge, "judgeKeystore",
      "Judge every certificate of a keystore or truststore", NULL, API_BODY_NONE, NULL,
      "KeystoreTest", API_OUT_DOCUMENT, 200, "TestSSL", 0 },
    { API_POST, TESTSSL, API_RIGHT_DIAGNOSE, try_server, "testKeystore",
      "Make a handshake with a server, with this truststore or with a key of this keystore", NULL,
      API_BODY_JSON | API_BODY_XML, "ServerToTest", "Diagnosis", API_OUT_DOCUMENT, 200, "TestSSL",
      0 },
};

static const struct api_schema schemas[] = {
    { "ServerToTest",
      "{\"type\":\"object\",\"required\":[\"host\"],\"properties\":{\"host\":{\"type\":\"string\"},"
      "\"port\":{\"type\":[\"integer\",\"string\"],\"default\":443},\"keyAlias\":{\"type\":"
      "\"string\","
      "\"description\":\"the store is a keystore, and this alias is shown; else it is a "
      "truststore\"}}}" },
    { "KeystoreTest",
      "{\"type\":\"object\",\"required\":[\"name\",\"isGood\",\"aliases\"],\"properties\":{"
      "\"name\":{\"type\":\"string\"},\"isGood\":{\"type\":\"boolean\"},"
      "\"aliases\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}" },
};
/* clang-format on */

const struct api_table api_table_testssl = { "Diagnosis", routes, ARRAY_LEN(routes), schemas,
                                             ARRAY_LEN(schemas) };
