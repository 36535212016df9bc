/* aliases: certificates, with or without a key, in a keystore. */
#include "api/aliases.h"

#include <openssl/crypto.h>
#include <string.h>

#include "api/preflight.h"

enum { UPLOAD_MAX = 4 * 1024 * 1024 };

static struct alias_name name_of(const struct api_request *r)
{
    return (struct alias_name){ api_param(r, "o"), api_param(r, "e"), api_param(r, "k"),
                                api_param(r, "a") };
}

static const char type_pem[] = "application/x-pem-file";

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name name = { api_param(r, "o"), api_param(r, "e"), api_param(r, "k") };
    json_t *names = NULL;
    enum status st = keystores_list_aliases(r->store, &name, &names, &problem);
    TRY(api_problem(a, st, &problem, err));
    return api_refused(a) ? ST_OK : api_say(a, 0, names);
}

static enum status show_one(struct api_request *r, struct api_answer *a,
                            const struct alias_name *name, struct err *err)
{
    struct store_problem problem = { 0 };
    json_t *shown = NULL;
    enum status st = alias_show(r->store, name, &shown, &problem);
    TRY(api_problem(a, st, &problem, err));
    return api_refused(a) ? ST_OK : api_say(a, 0, shown);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct alias_name name = name_of(r);
    return show_one(r, a, &name, err);
}

static struct bytes part_body(const struct api_request *r, const char *name)
{
    const struct api_part *part = api_part(r, name);
    return part == NULL ? bytes_of(NULL, 0) : part->body;
}

/* An upload as it is put in, and where. */
struct putting {
    struct alias_name name;
    struct alias_upload upload;
    bool replaces;
};

static struct alias_upload switches(const struct api_request *r)
{
    return (struct alias_upload){
        .password = api_field(r, "password"),
        .ignore_expiry = api_query_is(r, "ignoreExpiryValidation", false),
        .ignore_newline = api_query_is(r, "ignoreNewlineValidation", false),
        .ignore_chain = api_query_is(r, "ignoreChainValidation", false),
        .is_exportable = api_query_is(r, "privateKeyExportable", false),
    };
}

/* What the judgement has to say of what was taken all the same. */
static enum status add_warnings(struct api_answer *a, const struct store_problem *problem)
{
    if (problem->n_contexts == 0) {
        return ST_OK;
    }
    json_t *contexts = api_contexts(problem);
    return json_object_set_new(a->json, "contexts", contexts) == 0 ? ST_OK : ST_NOMEM;
}

static enum status put(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    const struct putting *p = arg;
    struct store_problem problem = { 0 };
    struct alias_name name = p->name;
    char made[ALIAS_NAME_MAX + 1] = "";
    enum status st = p->replaces ? alias_replace(r->store, &name, &p->upload, &problem)
                                 : alias_create(r->store, &name, &p->upload, made, &problem);
    TRY(api_problem(a, st, &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    name.alias = p->replaces ? name.alias : made;
    TRY(show_one(r, a, &name, err));
    return api_refused(a) ? ST_OK : add_warnings(a, &problem);
}

/* The parts, or the whole body where it is no form. */
static void fill_files(const struct api_request *r, struct alias_upload *upload)
{
    upload->body = r->json;
    if (r->parts.list == NULL && r->json == NULL) {
        upload->cert_file = r->body;
        upload->file = r->body;
        return;
    }
    upload->cert_file = part_body(r, "certFile");
    upload->key_file = part_body(r, "keyFile");
    upload->file = part_body(r, "file");
    if (upload->cert_file.len == 0) {
        upload->cert_file = upload->file;
    }
}

static enum status upload_as(struct api_request *r, struct api_answer *a, enum alias_format format,
                             struct err *err)
{
    struct putting p = { .name = name_of(r), .upload = switches(r) };
    p.upload.format = format;
    p.name.alias = api_query(r, "alias");
    if (p.name.alias == NULL && format != ALIAS_SELF_SIGNED) {
        return api_refuse(a, 400, "messaging.config.beans.InvalidKeyAliasName",
                          "?alias=... has to name the alias");
    }
    fill_files(r, &p.upload);
    return api_change(r, a, put, &p, err);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    enum alias_format format;
    const char *said = api_query(r, "format");
    if (said == NULL || !alias_format_parse(said, &format)) {
        return api_refuse(a, 400, "messaging.config.beans.InvalidAliasFormat",
                          "?format= has to be keycertfile, pkcs12, keycertjar or selfsignedcert");
    }
    if ((format == ALIAS_SELF_SIGNED) != (r->json != NULL)) {
        return api_refuse(
            a, 400, "messaging.config.beans.InvalidAliasFormat",
            "selfsignedcert takes JSON or XML, the other formats multipart/form-data");
    }
    return upload_as(r, a, format, err);
}

enum status aliases_upload_cert(struct api_request *r, struct api_answer *a, struct err *err)
{
    return upload_as(r, a, ALIAS_TRUST_CERT, err);
}

enum status aliases_upload_jar(struct api_request *r, struct api_answer *a, struct err *err)
{
    return upload_as(r, a, ALIAS_KEY_CERT_JAR, err);
}

static struct preflight_change ahead_of(const struct alias_name *name)
{
    return (struct preflight_change){ .keystore = name->keystore, .alias = name->alias };
}

static enum status replace_ahead(struct api_request *r, const void *arg,
                                 struct store_problem *problem)
{
    const struct putting *p = arg;
    return alias_replace(r->store, &p->name, &p->upload, problem);
}

static enum status replace(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct putting p = { .name = name_of(r), .upload = switches(r), .replaces = true };
    struct preflight_change ahead = ahead_of(&p.name);
    ahead.make = replace_ahead;
    ahead.arg = &p;
    fill_files(r, &p.upload);
    return api_change_ahead(r, a, &ahead, put, &p, err);
}

static enum status remove_it(struct api_request *r, struct api_answer *a, void *arg,
                             struct err *err)
{
    struct store_problem problem = { 0 };
    struct alias_name name = name_of(r);
    (void)arg;
    TRY(show_one(r, a, &name, err)); /* the answer is what was deleted */
    if (api_refused(a)) {
        return ST_OK;
    }
    return api_problem(a, alias_delete(r->store, &name, &problem), &problem, err);
}

static enum status remove_ahead(struct api_request *r, const void *arg,
                                struct store_problem *problem)
{
    return alias_delete(r->store, arg, problem);
}

/* Nobody shows what is deleted; some may trust it. */
enum status aliases_delete_ahead(struct api_request *r, struct api_answer *a,
                                 const struct alias_name *name, api_work *work, struct err *err)
{
    struct preflight_change ahead = ahead_of(name);
    ahead.make = remove_ahead;
    ahead.arg = name;
    return api_change_ahead(r, a, &ahead, work, NULL, err);
}

static enum status remove_one(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct alias_name name = name_of(r);
    return aliases_delete_ahead(r, a, &name, remove_it, err);
}

enum status aliases_say_pem(struct api_request *r, struct api_answer *a,
                            const struct alias_name *name, struct err *err)
{
    struct store_problem problem = { 0 };
    a->type = type_pem;
    enum status st = alias_put_pem(r->store, name, &a->text, &problem);
    return api_problem(a, st, &problem, err);
}

static enum status certificate(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct alias_name name = name_of(r);
    return aliases_say_pem(r, a, &name, err);
}

static enum status csr(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct alias_name name = name_of(r);
    a->type = type_pem;
    enum status st = alias_put_csr(r->store, &name, &a->text, &problem);
    return api_problem(a, st, &problem, err);
}

static enum status private_key(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct alias_name name = name_of(r);
    struct bytes key = { 0 };
    enum status st = alias_export_key(r->store, &name, &key, &problem);
    TRY(api_problem(a, st, &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    st = api_say_text(a, type_pem, key);
    store_bytes_free(key);
    return st;
}

/* clang-format off: a table reads by columns */
#define KEYSTORE "/organizations/{o}/environments/{e}/keystores/{k}"
#define SWITCHES "ignoreExpiryValidation ignoreNewlineValidation ignoreChainValidation"
static const struct api_route routes[] = {
    { API_GET, KEYSTORE "/aliases", API_RIGHT_READ, list, "listAliases",
      "Names of the aliases in a keystore", NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT,
      200, NULL, 0 },
    { API_POST, KEYSTORE "/aliases", API_RIGHT_CONFIGURE, create, "createAlias",
      "Put a certificate, with or without its key, into a keystore",
      "alias format password " SWITCHES " privateKeyExportable",
      API_BODY_MULTIPART | API_BODY_JSON | API_BODY_XML, "AliasUpload", "Alias", API_OUT_DOCUMENT,
      201, "Alias", UPLOAD_MAX },
    { API_GET, KEYSTORE "/aliases/{a}", API_RIGHT_READ, show, "getAlias", "Details of an alias",
      NULL, API_BODY_NONE, NULL, "Alias", API_OUT_DOCUMENT, 200, "Alias", 0 },
    { API_PUT, KEYSTORE "/aliases/{a}", API_RIGHT_CONFIGURE, replace, "updateAlias",
      "Put a new certificate in the place of an alias's", SWITCHES " preflight",
      API_BODY_MULTIPART | API_BODY_OCTETS, NULL, "Alias", API_OUT_DOCUMENT, 200, "Alias",
      UPLOAD_MAX },
    { API_DELETE, KEYSTORE "/aliases/{a}", API_RIGHT_CONFIGURE, remove_one, "deleteAlias",
      "Delete an alias that nothing uses", "preflight", API_BODY_NONE, NULL, "Alias",
      API_OUT_DOCUMENT, 200, "Alias", 0 },
    { API_GET, KEYSTORE "/aliases/{a}/certificate", API_RIGHT_READ, certificate,
      "getAliasCertificate", "The certificate and its chain in PEM", NULL, API_BODY_NONE, NULL,
      NULL, API_OUT_PEM, 200, NULL, 0 },
    { API_GET, KEYSTORE "/aliases/{a}/csr", API_RIGHT_READ, csr, "getAliasRequest",
      "A certificate signing request for the alias's key", NULL, API_BODY_NONE, NULL, NULL,
      API_OUT_PEM, 200, NULL, 0 },
    { API_GET, KEYSTORE "/aliases/{a}/privatekey", API_RIGHT_EXPORT, private_key,
      "getAliasPrivateKey", "The private key in PEM, where it was put in as exportable", NULL,
      API_BODY_NONE, NULL, NULL, API_OUT_PEM, 200, NULL, 0 },
};

static const struct api_schema schemas[] = {
    { "Alias", "{\"type\":\"object\",\"required\":[\"alias\",\"certsInfo\"],\"properties\":{"
               "\"alias\":{\"type\":\"string\"},\"keyName\":{\"type\":\"string\"},"
               "\"certsInfo\":{\"$ref\":\"#/components/schemas/Certificates\"},"
               "\"contexts\":{\"$ref\":\"#/components/schemas/Contexts\"}}}" },
    { "AliasUpload",
      "{\"type\":\"object\",\"properties\":{"
      "\"certFile\":{\"type\":\"string\",\"description\":\"keycertfile: PEM, leaf first\"},"
      "\"keyFile\":{\"type\":\"string\",\"description\":\"keycertfile: PEM; without it the entry "
      "is to be trusted\"},"
      "\"file\":{\"type\":\"string\",\"description\":\"pkcs12, keycertjar\"},"
      "\"password\":{\"type\":\"string\"},"
      "\"alias\":{\"type\":\"string\"},\"keySize\":{\"type\":[\"integer\",\"string\"]},"
      "\"sigAlg\":{\"type\":\"string\"},\"certValidityInDays\":{\"type\":[\"integer\",\"string\"]},"
      "\"subject\":{\"type\":\"object\"},\"subjectAlternativeDNSNames\":{\"type\":\"object\"}}}" },
};
/* clang-format on */

const struct api_table api_table_aliases = { "Aliases", routes, ARRAY_LEN(routes), schemas,
                                             ARRAY_LEN(schemas) };
