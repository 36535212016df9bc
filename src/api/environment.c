#include "api/environment.h"

static enum status is_kept(struct api_request *r, const struct store_key *key, bool *out,
                           struct err *err)
{
    struct store_document d = { 0 };
    TRY(store_get(r->store, key, &d, err));
    *out = d.json != NULL;
    store_document_deinit(&d);
    return ST_OK;
}

enum status api_want_environment(struct api_request *r, struct api_answer *a, bool *is_there,
                                 struct err *err)
{
    const char *o = api_param(r, "o");
    const char *e = api_param(r, "e");
    *is_there = false;
    TRY(is_kept(r, &(struct store_key){ .kind = STORE_ORGANIZATION, .name = o }, is_there, err));
    if (!*is_there) {
        return api_refuse(a, 404, "messaging.config.beans.OrganizationDoesNotExist",
                          "Organization %s does not exist", o);
    }
    TRY(is_kept(r, &(struct store_key){ .kind = STORE_ENVIRONMENT, .org = o, .name = e }, is_there,
                err));
    if (!*is_there) {
        return api_refuse(a, 404, "messaging.config.beans.EnvironmentDoesNotExist",
                          "Environment %s does not exist in organization %s", e, o);
    }
    return ST_OK;
}
