/* references: names that stand for a keystore. */
#include "store/references.h"

#include "api/preflight.h"

static struct reference_name name_of(const struct api_request *r)
{
    return (struct reference_name){ api_param(r, "o"), api_param(r, "e"), api_param(r, "r") };
}

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    json_t *names = NULL;
    enum status st =
        references_list(r->store, api_param(r, "o"), api_param(r, "e"), &names, &problem);
    TRY(api_problem(a, st, &problem, err));
    return api_refused(a) ? ST_OK : api_say(a, 0, names);
}

static enum status show_one(struct api_request *r, struct api_answer *a,
                            const struct reference_name *name, struct err *err)
{
    struct store_problem problem = { 0 };
    json_t *shown = NULL;
    enum status st = references_show(r->store, name, &shown, &problem);
    TRY(api_problem(a, st, &problem, err));
    return api_refused(a) ? ST_OK : api_say(a, 0, shown);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct reference_name name = name_of(r);
    return show_one(r, a, &name, err);
}

static struct reference_fields fields_of(const struct api_request *r)
{
    return (struct reference_fields){ api_json_str(r, "name"), api_json_str(r, "refers"),
                                      api_json_str(r, "resourceType") };
}

static enum status make(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    struct reference_name name = name_of(r);
    struct reference_fields fields = fields_of(r);
    (void)arg;
    name.reference = fields.name;
    enum status st = references_create(r->store, name.org, name.env, &fields, &problem);
    TRY(api_problem(a, st, &problem, err));
    return api_refused(a) ? ST_OK : show_one(r, a, &name, err);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    return api_change(r, a, make, NULL, err);
}

static enum status change(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    struct reference_name name = name_of(r);
    struct reference_fields fields = fields_of(r);
    (void)arg;
    TRY(api_problem(a, references_change(r->store, &name, &fields, &problem), &problem, err));
    return api_refused(a) ? ST_OK : show_one(r, a, &name, err);
}

static enum status point_elsewhere(struct api_request *r, const void *arg,
                                   struct store_problem *problem)
{
    struct reference_name name = name_of(r);
    struct reference_fields fields = fields_of(r);
    (void)arg;
    return references_change(r->store, &name, &fields, problem);
}

static enum status update(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct preflight_change ahead = { .make = point_elsewhere, .reference = api_param(r, "r") };
    return api_change_ahead(r, a, &ahead, change, NULL, err);
}

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    struct reference_name name = name_of(r);
    (void)arg;
    TRY(show_one(r, a, &name, err)); /* the answer is what was deleted */
    if (api_refused(a)) {
        return ST_OK;
    }
    return api_problem(a, references_delete(r->store, &name, &problem), &problem, err);
}

static enum status delete (struct api_request *r, struct api_answer *a, struct err *err) {
    return api_change(r, a, unmake, NULL, err);
}

/* clang-format off: a table reads by columns */
#define ENV "/organizations/{o}/environments/{e}"
static const struct api_route routes[] = {
    { API_GET, ENV "/references", API_RIGHT_READ, list, "listReferences", "Names of the references",
      NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, ENV "/references", API_RIGHT_CONFIGURE, create, "createReference",
      "Make a reference to a keystore", NULL, API_BODY_JSON | API_BODY_XML, "ResourceReference",
      "ResourceReference", API_OUT_DOCUMENT, 201, "ResourceReference", 0 },
    { API_GET, ENV "/references/{r}", API_RIGHT_READ, show, "getReference",
      "What a reference stands for", NULL, API_BODY_NONE, NULL, "ResourceReference",
      API_OUT_DOCUMENT, 200, "ResourceReference", 0 },
    { API_PUT, ENV "/references/{r}", API_RIGHT_CONFIGURE, update, "updateReference",
      "Let a reference stand for another keystore", "preflight", API_BODY_JSON | API_BODY_XML,
      "ResourceReference", "ResourceReference", API_OUT_DOCUMENT, 200, "ResourceReference", 0 },
    { API_DELETE, ENV "/references/{r}", API_RIGHT_CONFIGURE, delete, "deleteReference",
      "Delete a reference that nothing uses", NULL, API_BODY_NONE, NULL, "ResourceReference",
      API_OUT_DOCUMENT, 200, "ResourceReference", 0 },
};

static const struct api_schema schemas[] = {
    { "ResourceReference",
      "{\"type\":\"object\",\"required\":[\"refers\"],\"properties\":{\"name\":{\"type\":"
      "\"string\"},"
      "\"refers\":{\"type\":\"string\",\"description\":\"the keystore's name\"},"
      "\"resourceType\":{\"type\":\"string\",\"enum\":[\"KeyStore\",\"TrustStore\"]}}}" },
};
/* clang-format on */

const struct api_table api_table_references = { "References", routes, ARRAY_LEN(routes), schemas,
                                                ARRAY_LEN(schemas) };
