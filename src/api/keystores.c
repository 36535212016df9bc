/* keystores: keystores and truststores of an environment, and their certificates by the old paths.
 */
#include <string.h>

#include "api/aliases.h"
#include "api/change.h"
#include "api/route.h"
#include "store/keystores.h"

static struct keystore_name name_of(const struct api_request *r)
{
    return (struct keystore_name){ api_param(r, "o"), api_param(r, "e"), api_param(r, "k") };
}

static enum status say_shown(struct api_answer *a, enum status st, json_t *shown,
                             const struct store_problem *problem, struct err *err)
{
    TRY(api_problem(a, st, problem, err));
    return api_refused(a) ? ST_OK : api_say(a, 0, shown);
}

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = name_of(r);
    json_t *names = NULL;
    enum status st = keystores_list(r->store, &name, &names, &problem);
    return say_shown(a, st, names, &problem, err);
}

static enum status show_one(struct api_request *r, struct api_answer *a,
                            const struct keystore_name *name, struct err *err)
{
    struct store_problem problem = { 0 };
    json_t *shown = NULL;
    enum status st = keystores_show(r->store, name, &shown, &problem);
    return say_shown(a, st, shown, &problem, err);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct keystore_name name = name_of(r);
    return show_one(r, a, &name, err);
}

static enum status make(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = name_of(r);
    const char *said = arg;
    name.keystore = said;
    TRY(api_problem(a, keystores_create(r->store, &name, &problem), &problem, err));
    return api_refused(a) ? ST_OK : show_one(r, a, &name, err);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *name = r->json == NULL ? api_query(r, "name") : api_json_str(r, "name");
    if (name == NULL) {
        return api_refuse(a, 400, "messaging.config.beans.InvalidKeyStoreName",
                          "a name is needed: <KeyStore name=\"...\"/>, {\"name\":\"...\"} or "
                          "?name=...");
    }
    char *kept = arena_strndup(r->arena, name, strlen(name));
    return kept == NULL ? ST_NOMEM : api_change(r, a, make, kept, err);
}

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = name_of(r);
    (void)arg;
    TRY(show_one(r, a, &name, err)); /* the answer is what was deleted */
    if (api_refused(a)) {
        return ST_OK;
    }
    return api_problem(a, keystores_delete(r->store, &name, &problem), &problem, err);
}

static enum status delete (struct api_request *r, struct api_answer *a, struct err *err) {
    return api_change(r, a, unmake, NULL, err);
}

static enum status list_certs(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = name_of(r);
    json_t *names = NULL;
    enum status st = keystores_list_certs(r->store, &name, &names, &problem);
    return say_shown(a, st, names, &problem, err);
}

/* Which alias a certificate's name means, in the arena; the answer is a refusal where none. */
static enum status find_alias(struct api_request *r, struct api_answer *a, struct alias_name *out,
                              struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = name_of(r);
    char *found = NULL;
    enum status st = keystores_find_cert(r->store, &name, api_param(r, "c"), &found, &problem);
    TRY(api_problem(a, st, &problem, err));
    *out = (struct alias_name){ name.org, name.env, name.keystore, "" };
    if (found != NULL) {
        out->alias = arena_strndup(r->arena, found, strlen(found));
        free(found);
    }
    return out->alias == NULL ? ST_NOMEM : ST_OK;
}

static enum status show_cert(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct alias_name name;
    json_t *shown = NULL;
    TRY(find_alias(r, a, &name, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    enum status st = alias_show_cert(r->store, &name, &shown, &problem);
    return say_shown(a, st, shown, &problem, err);
}

static enum status export_cert(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct alias_name name;
    TRY(find_alias(r, a, &name, err));
    return api_refused(a) ? ST_OK : aliases_say_pem(r, a, &name, err);
}

static enum status remove_cert(struct api_request *r, struct api_answer *a, void *arg,
                               struct err *err)
{
    struct store_problem problem = { 0 };
    struct alias_name name;
    json_t *shown = NULL;
    (void)arg;
    TRY(find_alias(r, a, &name, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    enum status st = alias_show_cert(r->store, &name, &shown, &problem);
    TRY(say_shown(a, st, shown, &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    return api_problem(a, alias_delete(r->store, &name, &problem), &problem, err);
}

static enum status delete_cert(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct alias_name name;
    TRY(find_alias(r, a, &name, err));
    return api_refused(a) ? ST_OK : aliases_delete_ahead(r, a, &name, remove_cert, err);
}

/* clang-format off: a table reads by columns */
#define ENV "/organizations/{o}/environments/{e}"
static const struct api_route routes[] = {
    { API_GET, ENV "/keystores", API_RIGHT_READ, list, "listKeystores",
      "Names of the keystores and truststores", NULL, API_BODY_NONE, NULL, "Names",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, ENV "/keystores", API_RIGHT_CONFIGURE, create, "createKeystore",
      "Make an empty keystore or truststore", "name",
      API_BODY_JSON | API_BODY_XML | API_BODY_OPTIONAL, "KeyStoreName", "KeyStore",
      API_OUT_DOCUMENT, 201, "KeyStore", 0 },
    { API_GET, ENV "/keystores/{k}", API_RIGHT_READ, show, "getKeystore", "What a keystore holds",
      NULL, API_BODY_NONE, NULL, "KeyStore", API_OUT_DOCUMENT, 200, "KeyStore", 0 },
    { API_DELETE, ENV "/keystores/{k}", API_RIGHT_CONFIGURE, delete, "deleteKeystore",
      "Delete a keystore that nothing uses", NULL, API_BODY_NONE, NULL, "KeyStore",
      API_OUT_DOCUMENT, 200, "KeyStore", 0 },
    { API_GET, ENV "/keystores/{k}/certs", API_RIGHT_READ, list_certs, "listCertificates",
      "Names of the certificates in a keystore", NULL, API_BODY_NONE, NULL, "Names",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, ENV "/keystores/{k}/certs", API_RIGHT_CONFIGURE, aliases_upload_cert,
      "uploadCertificate", "Put a certificate into a truststore (the older way)",
      "alias ignoreExpiryValidation ignoreNewlineValidation ignoreChainValidation",
      API_BODY_MULTIPART | API_BODY_OCTETS, NULL, "Alias", API_OUT_DOCUMENT, 201, "Alias", 0 },
    { API_GET, ENV "/keystores/{k}/certs/{c}", API_RIGHT_READ, show_cert, "getCertificate",
      "Details of a certificate and of its chain", NULL, API_BODY_NONE, NULL, "Certificates",
      API_OUT_DOCUMENT, 200, "Certs", 0 },
    { API_DELETE, ENV "/keystores/{k}/certs/{c}", API_RIGHT_CONFIGURE, delete_cert,
      "deleteCertificate", "Delete a certificate, and the key with it", "preflight", API_BODY_NONE,
      NULL, "Certificates", API_OUT_DOCUMENT, 200, "Certs", 0 },
    { API_GET, ENV "/keystores/{k}/certs/{c}/export", API_RIGHT_READ, export_cert,
      "exportCertificate", "A certificate and its chain in PEM", NULL, API_BODY_NONE, NULL, NULL,
      API_OUT_PEM, 200, NULL, 0 },
    { API_POST, ENV "/keystores/{k}/keys", API_RIGHT_CONFIGURE, aliases_upload_jar, "uploadKey",
      "Put a JAR with certificate and key into a keystore (the older way)",
      "alias password ignoreExpiryValidation ignoreNewlineValidation ignoreChainValidation "
      "privateKeyExportable",
      API_BODY_MULTIPART | API_BODY_OCTETS, NULL, "Alias", API_OUT_DOCUMENT, 201, "Alias", 0 },
};

static const struct api_schema schemas[] = {
    { "Names", "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}" },
    { "KeyStoreName",
      "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\","
      "\"pattern\":\"^[A-Za-z0-9]+$\"}}}" },
    { "KeyStore",
      "{\"type\":\"object\",\"required\":[\"name\",\"aliases\",\"certs\",\"keys\"],\"properties\":{"
      "\"name\":{\"type\":\"string\"},\"aliases\":{\"type\":\"array\",\"items\":{\"type\":"
      "\"object\","
      "\"required\":[\"aliasName\"],\"properties\":{\"aliasName\":{\"type\":\"string\"},"
      "\"cert\":{\"type\":\"string\"},\"key\":{\"type\":\"string\"}}}},"
      "\"certs\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"keys\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}" },
    { "CertInfo",
      "{\"type\":\"object\",\"required\":[\"subject\",\"issuer\",\"serialNumber\",\"validFrom\","
      "\"expiryDate\",\"isValid\",\"version\"],\"properties\":{"
      "\"basicConstraints\":{\"type\":\"string\"},\"expiryDate\":{\"type\":\"integer\"},"
      "\"isValid\":{\"type\":\"string\",\"enum\":[\"Yes\",\"No\"]},\"issuer\":{\"type\":\"string\"}"
      ","
      "\"publicKey\":{\"type\":\"string\"},\"serialNumber\":{\"type\":\"string\"},"
      "\"sigAlgName\":{\"type\":\"string\"},\"subject\":{\"type\":\"string\"},"
      "\"subjectAlternativeNames\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"validFrom\":{\"type\":\"integer\"},\"version\":{\"type\":\"integer\"}}}" },
    { "Certificates",
      "{\"type\":\"object\",\"required\":[\"certInfo\",\"certName\"],\"properties\":{"
      "\"certInfo\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/CertInfo\"}},"
      "\"certName\":{\"type\":\"string\"}}}" },
};
/* clang-format on */

const struct api_table api_table_keystores = { "Keystores", routes, ARRAY_LEN(routes), schemas,
                                               ARRAY_LEN(schemas) };
