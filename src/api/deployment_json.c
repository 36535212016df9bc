#include "api/deployment_json.h"

#include <string.h>

struct server_row {
    const char *type, *uuid;
    enum gateway_part part;
};

/* There is one of each; the ids only have to stay what they are. */
static const struct server_row servers[] = {
    { "message-processor", "6d703031-0000-4000-8000-000000000001", GATEWAY_PROCESSOR },
    { "router", "72743031-0000-4000-8000-000000000001", GATEWAY_ROUTER },
};

static json_t *server_json(const struct api_request *r, const struct server_row *row,
                           const char *state)
{
    struct gateway_state now = { .is_up = true };
    if (r->gateway != NULL) {
        gateway_state(r->gateway, row->part, &now);
    }
    json_t *o = json_pack("{s:s,s:[s],s:s}", "status", now.is_up ? state : "error", "type",
                          row->type, "uUID", row->uuid);
    if (o != NULL && !now.is_up &&
        (json_object_set_new(o, "error", json_sprintf("the %s does not run", row->type)) != 0 ||
         json_object_set_new(o, "errorCode",
                             json_string("application.bootstrap.FailedToConfigure")) != 0)) {
        json_decref(o);
        return NULL;
    }
    return o;
}

json_t *deployment_servers(const struct api_request *r, const char *state)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        if (json_array_append_new(list, server_json(r, &servers[i], state)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *deployment_entry(const struct api_request *r, const struct deployment *d, const char *name)
{
    return json_pack("{s:s,s:s,s:{s:s,s:[]},s:o}", "name", name, "state", "deployed",
                     "configuration", "basePath", d->base_path, "steps", "server",
                     deployment_servers(r, "deployed"));
}

json_t *deployment_change(const struct api_request *r, const struct deployment *d,
                          const char *state)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{s:s,s:[]},s:o}", "aPIProxy", d->api, "name",
                     d->revision, "organization", d->org, "environment", d->env, "revision",
                     d->revision, "state", state, "configuration", "basePath", d->base_path,
                     "steps", "server", deployment_servers(r, state));
}
