/* diagnosis: the routes, and what is said of virtual hosts and keystores. */
#include "api/diagnosis.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "api/diagnosis_text.h"
#include "api/environment.h"
#include "api/fix_call.h"
#include "gateway/trial.h"
#include "gateway/trial_host.h"
#include "store/keystores.h"
#include "store/references.h"
#include "x509/pem.h"

enum { ADDRESS_ROOM = 96, NAME_ROOM = 320 };

/* --- bodies and documents --- */

/* The document that the path names, as JSON; NULL: refused. */
static enum status stored(struct api_request *r, struct api_answer *a, enum store_kind kind,
                          const char *name, json_t **out, struct err *err)
{
    struct store_document d = { 0 };
    struct store_key key = {
        .kind = kind, .org = api_param(r, "o"), .env = api_param(r, "e"), .name = name
    };
    bool is_target = kind == STORE_TARGET_SERVER;
    *out = NULL;
    TRY(store_get(r->store, &key, &d, err));
    *out = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
    store_document_deinit(&d);
    return *out != NULL ? ST_OK
                        : api_refuse(a, 404,
                                     is_target ? "messaging.config.beans.TargetServerDoesNotExist"
                                               : "messaging.config.beans.VirtualHostDoesNotExist",
                                     "%s %s does not exist in environment %s",
                                     is_target ? "Target server" : "Virtual host", name, key.env);
}

static enum status refuse_remarks(struct api_answer *a, struct api_request *r,
                                  const struct remarks *remarks)
{
    const struct remark *worst = remarks_worst(remarks, REMARK_ERROR);
    const char *text = worst == NULL ? NULL : remark_sentence(r->arena, worst);
    return worst == NULL ? ST_OK
                         : api_refuse(a, 400, worst->code, "%s", text == NULL ? "no memory" : text);
}

/* What is to be diagnosed: the body, or what the store has. */
static enum status subject(struct api_request *r, struct api_answer *a, enum store_kind kind,
                           const char *name, json_t **out, struct err *err)
{
    if (json_is_object(r->json) && json_object_size(r->json) > 0) {
        *out = json_deep_copy(r->json);
        if (*out != NULL && json_object_get(*out, "name") == NULL) {
            json_object_set_new(*out, "name", json_string(name));
        }
        return *out == NULL ? ST_NOMEM : ST_OK;
    }
    return stored(r, a, kind, name, out, err);
}

static const char *subject_of(struct api_request *r, const char *what, const char *name)
{
    const char *text = arena_printf(r->arena, "%s %s", what, name);
    return text == NULL ? what : text;
}

/* --- target servers --- */

static enum status say_target(struct api_request *r, struct api_answer *a, const json_t *document,
                              struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    struct target_server t;
    struct diagnosis d = { 0 };
    TRY(target_server_from_json(document, &remarks, &t, err));
    TRY(refuse_remarks(a, r, &remarks));
    if (api_refused(a)) {
        return ST_OK;
    }
    enum status st = diagnose_target(r, a, &t, document, &d, err);
    if (st == ST_OK && !api_refused(a)) {
        st = api_say_diagnosis(r, a, subject_of(r, "target server", api_param(r, "t")), d.answer);
    }
    diagnosis_deinit(&d);
    return st;
}

static enum status target_diagnosis(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    json_t *document = NULL;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(subject(r, a, STORE_TARGET_SERVER, api_param(r, "t"), &document, err));
    enum status st = document == NULL ? ST_OK : say_target(r, a, document, err);
    json_decref(document);
    return st;
}

/* --- virtual hosts --- */

/* Does the Router listen, and does it show this certificate? Our own handshake with it, as a client
 * that takes anything. */
static enum status try_router(struct api_request *r, const struct virtual_host *v, json_t **out)
{
    char address[ADDRESS_ROOM];
    char name[256] = "";
    char host[NAME_ROOM];
    struct trial trial = { 0 };
    struct err err = { 0 };
    const char *at = v->interfaces.n > 0 ? v->interfaces.list[0] : "127.0.0.1";
    bool has_name = v->host_aliases.n > 0 && virtual_host_alias_name(v->host_aliases.list[0], name);
    snprintf(host, sizeof host, "%s%s", name[0] == '*' ? "any" : "",
             name[0] == '*' ? name + 1 : name);
    snprintf(address, sizeof address, strchr(at, ':') != NULL ? "[%s]" : "%s", at);
    struct trial_settings s = { .host = has_name ? host : address,
                                .connect_to = address,
                                .port = v->port.value,
                                .sends_name = has_name,
                                .verify = TRIAL_VERIFY_OFF,
                                .name = host,
                                .timeout_ms = TRIAL_TIMEOUT_MS / 2,
                                .direction = "northbound" };
    (void)r;
    bool is_tried = trial_run(&s, &trial, &err) == TRIAL_DONE;
    *out = json_pack("{s:s, s:b, s:b, s:s}", "address", address, "isTried", is_tried, "isListening",
                     is_tried && trial.is_connected, "why", is_tried ? trial.why : err.text);
    trial_deinit(&trial);
    return *out == NULL ? ST_NOMEM : ST_OK;
}

static void take_certificate(struct diagnosis *d, json_t *alias, bool is_good)
{
    json_t *findings = json_object_get(alias, "findings");
    json_t *own = json_object_get(d->answer, "findings");
    d->is_good = d->is_good && is_good;
    for (size_t i = 0; i < json_array_size(findings); i++) {
        json_array_append(own, json_array_get(findings, i));
    }
    json_object_set_new(d->answer, "certificate", alias);
}

static void add_finding(struct diagnosis *d, const char *id, const char *sentence)
{
    d->is_good = false;
    json_array_append_new(json_object_get(d->answer, "findings"), diagnosis_finding(id, sentence));
}

static const char *word_of(struct api_request *r, const struct store_name_or_reference *w)
{
    return w->is_reference ? arena_printf(r->arena, "ref://%s", w->name) : w->name;
}

/* Protocols and suites may leave nothing that the key could be used with. */
static void judge_possible(struct api_request *r, const struct virtual_host *v,
                           const char *keystore, struct diagnosis *d)
{
    struct alias_name name = { api_param(r, "o"), api_param(r, "e"), keystore, v->ssl.key_alias };
    struct alias own = { 0 };
    struct store_problem p = { 0 };
    struct err why = { 0 };
    bool is_possible = true;
    enum status st = alias_load(r->store, &name, true, &own, &p);
    if (st == ST_OK) {
        st = trial_of_host(r->places, v, &own, &is_possible, &why);
    }
    alias_deinit(&own);
    if (st == ST_USAGE && why.text[0] != '\0') {
        add_finding(d, "configuration", why.text);
    } else if (!is_possible) {
        add_finding(d, "cipher-mismatch",
                    "its protocols and ciphers leave no suite that its certificate's key can be "
                    "used with: no client could complete a handshake");
    }
}

static void judge_own(struct api_request *r, const struct virtual_host *v, struct diagnosis *d)
{
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem p = { 0 };
    const char *word = v->ssl.key_store.name == NULL ? NULL : word_of(r, &v->ssl.key_store);
    bool is_good = false;
    if (word == NULL || v->ssl.key_alias == NULL) {
        add_finding(d, "configuration", "sSLInfo names no keyStore and keyAlias");
        return;
    }
    if (references_resolve(r->store, api_param(r, "o"), api_param(r, "e"), word, keystore, &p) !=
        ST_OK) {
        add_finding(d, "configuration", p.message);
        return;
    }
    json_t *alias = diagnose_alias(r, keystore, v->ssl.key_alias, &v->host_aliases, &is_good);
    if (alias == NULL) {
        add_finding(d, "configuration", "the keyAlias is not in the keystore");
        return;
    }
    bool has_key = json_is_true(json_object_get(alias, "hasKey"));
    if (!has_key) {
        add_finding(d, "configuration", "the keyAlias has no private key");
    }
    take_certificate(d, alias, is_good);
    if (has_key) {
        judge_possible(r, v, keystore, d);
    }
}

struct anchors {
    size_t n_valid; /* by their dates */
};

static void count_valid(void *arg, struct bytes der)
{
    struct anchors *a = arg;
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    a->n_valid += x != NULL && X509_cmp_current_time(X509_get0_notBefore(x)) < 0 &&
                  X509_cmp_current_time(X509_get0_notAfter(x)) > 0;
    X509_free(x);
    ERR_clear_error();
}

static void judge_anchors(const struct virtual_host *v, const struct text *pem, size_t n,
                          struct diagnosis *d)
{
    struct anchors a = { 0 };
    if (n == 0) {
        add_finding(d, "certificate-untrusted-ca", "the trustStore is empty: no client could pass");
        return;
    }
    x509_pem_each(text_str(pem), count_valid, &a);
    if (a.n_valid == 0 && v->ssl.ignore_validation_errors != CHOICE_YES) {
        add_finding(d, "certificate-expired",
                    "no certificate of the trustStore is valid now: no client could pass");
    }
}

static void judge_trust(struct api_request *r, const struct virtual_host *v, struct diagnosis *d)
{
    char keystore[KEYSTORE_NAME_MAX + 1];
    struct store_problem p = { 0 };
    struct text pem = { 0 };
    size_t n = 0;
    const char *word = v->ssl.trust_store.name == NULL ? NULL : word_of(r, &v->ssl.trust_store);
    if (v->ssl.client_auth_enabled != CHOICE_YES) {
        return;
    }
    if (word == NULL) {
        add_finding(d, "configuration", "clientAuthEnabled needs a trustStore");
        return;
    }
    bool is_there = references_resolve(r->store, api_param(r, "o"), api_param(r, "e"), word,
                                       keystore, &p) == ST_OK;
    struct keystore_name name = { api_param(r, "o"), api_param(r, "e"), keystore };
    if (!is_there || keystores_trusted_pem(r->store, &name, &pem, &n, &p) != ST_OK) {
        add_finding(d, "configuration", p.message);
    } else {
        judge_anchors(v, &pem, n, d);
    }
    text_deinit(&pem);
}

/* The sentence of the first finding that makes it bad. */
static const char *first_sentence(struct api_request *r, const json_t *findings)
{
    const char *text = json_string_value(json_object_get(json_array_get(findings, 0), "sentence"));
    const char *copy = text == NULL ? NULL : arena_strndup(r->arena, text, strlen(text));
    return copy == NULL ? "its clients can complete a handshake with it" : copy;
}

/* The call that mends the first fault of the certificate. */
static void set_fix(struct api_request *r, const struct virtual_host *v, struct diagnosis *d)
{
    const json_t *first = json_array_get(json_object_get(d->answer, "findings"), 0);
    const char *cause = json_string_value(json_object_get(first, "id"));
    char name[256] = "";
    struct fix_calls calls = { 0 };
    if (d->is_good || cause == NULL) {
        return;
    }
    if (v->host_aliases.n > 0 && !virtual_host_alias_name(v->host_aliases.list[0], name)) {
        name[0] = '\0';
    }
    struct kept_event event = { .direction = "northbound",
                                .org = api_param(r, "o"),
                                .env = api_param(r, "e"),
                                .virtual_host = v->name,
                                .server = "",
                                .server_name = name,
                                .cause = cause,
                                .party = "server",
                                .json = "",
                                .chain = "",
                                .hints = "" };
    json_t *document = virtual_host_json(v);
    fix_calls_of(r->store, &event, document, r->arena, &calls);
    if (calls.fix != NULL) {
        json_object_set(d->answer, "fix", calls.fix);
    }
    fix_calls_deinit(&calls);
    json_decref(document);
}

enum status diagnose_virtual_host(struct api_request *r, const struct virtual_host *v,
                                  unsigned what, struct diagnosis *out, struct err *err)
{
    json_t *router = NULL;
    bool is_tls = virtual_host_is_tls(v);
    *out = (struct diagnosis){ .is_good = true };
    out->answer = json_pack("{s:s, s:[], s:n, s:n}", "direction", "northbound", "findings", "fix",
                            "workaround");
    if (out->answer == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    if (is_tls && (what & DIAGNOSE_OWN) != 0) {
        judge_own(r, v, out);
    }
    if (is_tls && (what & DIAGNOSE_TRUST) != 0) {
        judge_trust(r, v, out);
    }
    if (is_tls && (what & DIAGNOSE_ROUTER) != 0) {
        TRY(try_router(r, v, &router));
        json_object_set_new(out->answer, "router", router);
    }
    set_fix(r, v, out);
    out->sentence = first_sentence(r, json_object_get(out->answer, "findings"));
    json_object_set_new(out->answer, "isGood", json_boolean(out->is_good));
    json_object_set_new(out->answer, "sentence", json_string(out->sentence));
    return ST_OK;
}

static enum status say_virtual_host(struct api_request *r, struct api_answer *a,
                                    const json_t *document, struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    struct virtual_host v;
    struct diagnosis d = { 0 };
    TRY(virtual_host_from_json(document, &remarks, &v, err));
    TRY(refuse_remarks(a, r, &remarks));
    if (api_refused(a)) {
        return ST_OK;
    }
    enum status st = diagnose_virtual_host(r, &v, DIAGNOSE_ALL, &d, err);
    if (st == ST_OK && !api_refused(a)) {
        st = api_say_diagnosis(r, a, subject_of(r, "virtual host", api_param(r, "v")), d.answer);
    }
    diagnosis_deinit(&d);
    return st;
}

static enum status virtual_host_diagnosis(struct api_request *r, struct api_answer *a,
                                          struct err *err)
{
    bool is_there = false;
    json_t *document = NULL;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(subject(r, a, STORE_VIRTUAL_HOST, api_param(r, "v"), &document, err));
    enum status st = document == NULL ? ST_OK : say_virtual_host(r, a, document, err);
    json_decref(document);
    return st;
}

/* --- keystores --- */

static void put_use(void *arg, const struct keystore_use *use)
{
    json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:s}", "kind", use->kind, "name",
                                         use->name, "field", use->field, "how", use->how));
}

/* The issuer that an alias's chain lacks, where the environment has it: the call that adds it. Of
 * other faults the mending needs a certificate that nobody has yet. */
static void set_alias_fix(struct api_request *r, const struct store_key *within, const char *alias,
                          json_t *one)
{
    const json_t *first = json_array_get(json_object_get(one, "findings"), 0);
    const char *cause = json_string_value(json_object_get(first, "id"));
    struct fix_calls calls = { 0 };
    if (cause != NULL && strcmp(cause, "certificate-chain-incomplete") == 0) {
        struct kept_event event = { .direction = "northbound",
                                    .org = within->org,
                                    .env = within->env,
                                    .virtual_host = "",
                                    .server = "",
                                    .server_name = "",
                                    .cause = cause,
                                    .party = "server",
                                    .json = "",
                                    .chain = "",
                                    .hints = "" };
        json_t *host = json_pack("{s:s, s:{s:s, s:s}}", "name", "", "sSLInfo", "keyStore",
                                 within->parent, "keyAlias", alias);
        fix_calls_of(r->store, &event, host, r->arena, &calls);
        json_decref(host);
    }
    json_object_set(one, "fix", calls.fix == NULL ? json_null() : calls.fix);
    fix_calls_deinit(&calls);
}

static enum status judge_keystore(struct api_request *r, json_t *aliases, bool *is_good,
                                  struct err *err)
{
    struct store_names names = { 0 };
    struct store_key within = { .kind = STORE_ALIAS,
                                .org = api_param(r, "o"),
                                .env = api_param(r, "e"),
                                .parent = api_param(r, "k") };
    static const struct texts no_hosts;
    TRY(store_list(r->store, &within, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        bool is_one_good = false;
        json_t *one = diagnose_alias(r, within.parent, names.list[i].name, &no_hosts, &is_one_good);
        *is_good = *is_good && is_one_good;
        if (one != NULL) {
            set_alias_fix(r, &within, names.list[i].name, one);
            json_array_append_new(aliases, one);
        }
    }
    store_names_deinit(&names);
    return ST_OK;
}

static enum status keystore_diagnosis(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    bool is_good = true;
    struct store_problem p = { 0 };
    struct keystore_name name = { api_param(r, "o"), api_param(r, "e"), api_param(r, "k") };
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    if (keystores_want(r->store, &name, &p) != ST_OK) {
        return p.kind == PROBLEM_NOT_FOUND ? api_refuse(a, 404, p.code, "%s", p.message)
                                           : err_set(err, ST_IO, "%s", p.message);
    }
    json_t *aliases = json_array();
    json_t *uses = json_array();
    struct keystore_use_question question = { .org = name.org,
                                              .env = name.env,
                                              .keystore = name.keystore };
    enum status st = judge_keystore(r, aliases, &is_good, err);
    if (st == ST_OK && keystore_uses(r->store, &question, put_use, uses, &p) != ST_OK) {
        st = err_set(err, ST_IO, "%s", p.message);
    }
    if (st == ST_OK) {
        json_t *answer =
            json_pack("{s:b, s:O, s:O}", "isGood", is_good, "aliases", aliases, "usedBy", uses);
        st = answer == NULL
                 ? ST_NOMEM
                 : api_say_diagnosis(r, a, subject_of(r, "keystore", name.keystore), answer);
        json_decref(answer);
    }
    json_decref(aliases);
    json_decref(uses);
    return st;
}

/* --- preflight --- */

static enum status refuse_change(struct api_answer *a, const struct diagnosis *d)
{
    return api_refuse_with(a, 400, "preflight.HandshakeWouldFail", d->sentence,
                           json_pack("[O]", d->answer));
}

enum status api_preflight_target(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    struct target_server t;
    struct diagnosis d = { 0 };
    if (!api_query_is(r, "preflight", false)) {
        return ST_OK;
    }
    if (api_form_of(r->type, API_JSON) == API_XML) {
        TRY(target_server_from_xml(r->body, &remarks, &t, err));
    } else {
        TRY(target_server_from_json(r->json, &remarks, &t, err));
    }
    if (remarks_worst(&remarks, REMARK_ERROR) != NULL || t.is_enabled == CHOICE_NO) {
        return ST_OK;
    }
    json_t *document = target_server_json(&t);
    enum status st = diagnose_target(r, a, &t, document, &d, err);
    if (st == ST_OK && !api_refused(a) && !d.is_good) {
        st = refuse_change(a, &d);
    }
    json_decref(document);
    diagnosis_deinit(&d);
    return st;
}

enum status api_preflight_host(struct api_request *r, struct api_answer *a,
                               const struct virtual_host *v, struct err *err)
{
    struct diagnosis d = { 0 };
    enum status st = diagnose_virtual_host(r, v, DIAGNOSE_OWN | DIAGNOSE_TRUST, &d, err);
    if (st == ST_OK && !d.is_good) {
        st = refuse_change(a, &d);
    }
    diagnosis_deinit(&d);
    return st;
}

enum status api_preflight_virtual_host(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    struct virtual_host v;
    if (!api_query_is(r, "preflight", false)) {
        return ST_OK;
    }
    if (api_form_of(r->type, API_JSON) == API_XML) {
        TRY(virtual_host_from_xml(r->body, &remarks, &v, err));
    } else {
        TRY(virtual_host_from_json(r->json, &remarks, &v, err));
    }
    return remarks_worst(&remarks, REMARK_ERROR) != NULL ? ST_OK
                                                         : api_preflight_host(r, a, &v, err);
}

/* clang-format off: a table reads by columns */
#define ENV "/organizations/{o}/environments/{e}"
static const struct api_route routes[] = {
    { API_POST, ENV "/targetservers/{t}/diagnosis", API_RIGHT_DIAGNOSE, target_diagnosis,
      "diagnoseTargetServer",
      "Make a handshake with the target server as it is set, or as the body says, and judge it",
      "format", API_BODY_JSON | API_BODY_OPTIONAL, "TargetServer", "Diagnosis", API_OUT_VERDICT,
      200, "Diagnosis", 0 },
    { API_POST, ENV "/virtualhosts/{v}/diagnosis", API_RIGHT_DIAGNOSE, virtual_host_diagnosis,
      "diagnoseVirtualHost",
      "Judge the certificates of the virtual host as it is set, or as the body says", "format",
      API_BODY_JSON | API_BODY_OPTIONAL, "VirtualHost", "Diagnosis", API_OUT_VERDICT, 200,
      "Diagnosis", 0 },
    { API_POST, ENV "/keystores/{k}/diagnosis", API_RIGHT_DIAGNOSE, keystore_diagnosis,
      "diagnoseKeystore", "Judge every certificate of the keystore, and say what uses it", "format",
      API_BODY_NONE, NULL, "KeystoreDiagnosis", API_OUT_VERDICT, 200, "Diagnosis", 0 },
};

static const struct api_schema schemas[] = {
    { "DiagnosisFinding",
      "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},"
      "\"sentence\":{\"type\":\"string\"},\"certificate\":{\"type\":\"integer\"}}}" },
    { "Diagnosis",
      "{\"type\":\"object\",\"required\":[\"isGood\",\"findings\"],\"properties\":{"
      "\"isGood\":{\"type\":\"boolean\"},\"outcome\":{\"type\":\"string\"},"
      "\"cause\":{\"type\":[\"string\",\"null\"]},\"sentence\":{\"type\":\"string\"},"
      "\"verdict\":{\"type\":[\"object\",\"null\"]},\"text\":{\"type\":\"string\"},"
      "\"peerCertificates\":{\"type\":\"string\"},"
      "\"findings\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/"
      "DiagnosisFinding\"}},"
      "\"fix\":{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/components/schemas/ApiCall\"}]},"
      "\"workaround\":{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/components/schemas/"
      "ApiCall\"}]}}}" },
    { "KeystoreDiagnosis",
      "{\"type\":\"object\",\"required\":[\"isGood\",\"aliases\",\"usedBy\"],\"properties\":{"
      "\"isGood\":{\"type\":\"boolean\"},"
      "\"aliases\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
      "\"usedBy\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}" },
};
/* clang-format on */

const struct api_table api_table_diagnosis = { "Diagnosis", routes, ARRAY_LEN(routes), schemas,
                                               ARRAY_LEN(schemas) };
