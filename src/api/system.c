/* system: what this installation is. */
#include <time.h>

#include "api/core.h"
#include "api/openapi.h"
#include "base/clock.h"

/* The guide's system names this path and not its answer: version and state of each part is what its
 * users ask it for. */
static json_t *part_state(struct gateway *g, enum gateway_part part, const char *type)
{
    struct gateway_state state = { 0 };
    gateway_state(g, part, &state);
    return json_pack("{s:s, s:b, s:i, s:I, s:i}", "type", type, "isUp", state.is_up, "pid",
                     state.pid, "since", (json_int_t)state.since_ms, "restarts",
                     (int)state.n_restarts);
}

static json_t *all_parts(struct gateway *g)
{
    static const struct {
        enum gateway_part part;
        const char *type;
    } parts[] = { { GATEWAY_ROUTER, "router" },
                  { GATEWAY_PROCESSOR, "message-processor" },
                  { GATEWAY_COLLECTOR, "collector" } };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(parts) && g != NULL && list != NULL; i++) {
        json_t *one = part_state(g, parts[i].part, parts[i].type);
        if (one == NULL || json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum status get_info(struct api_request *r, struct api_answer *a, struct err *err)
{
    uint64_t generation = 0;
    TRY(store_generation(r->store, &generation, err));
    json_t *parts = all_parts(r->gateway);
    if (parts == NULL) {
        return ST_NOMEM;
    }
    return api_say(a, 200,
                   json_pack("{s:s, s:s, s:I, s:I, s:o}", "name", "handfast gateway", "version",
                             HANDFAST_VERSION, "generation", (json_int_t)generation, "now",
                             (json_int_t)(clock_now_ns() / NS_PER_MS), "server", parts));
}

static enum status say_openapi(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *document = api_openapi();
    if (document == NULL) {
        return err_set(err, ST_NOMEM, "the OpenAPI document cannot be made");
    }
    r->wants = API_JSON; /* it is what the path says */
    return api_say(a, 200, document);
}

/* clang-format off: a table reads by columns */
static const struct api_route routes[] = {
    { API_GET, "/getinfo", API_RIGHT_LOGIN, get_info, "getInfo",
      "Version of the gateway and state of its parts", NULL, API_BODY_NONE, NULL, "Info",
      API_OUT_DOCUMENT, 200, "Info", 0 },
    { API_GET, "/openapi.json", API_RIGHT_LOGIN, say_openapi, "getOpenApi",
      "This API as an OpenAPI document", NULL, API_BODY_NONE, NULL, "OpenApi", API_OUT_DOCUMENT,
      200, NULL, 0 },
};

static const struct api_schema schemas[] = {
    { "OpenApi", "{\"type\":\"object\",\"required\":[\"openapi\",\"info\",\"paths\"]}" },
    { "Info",
      "{\"type\":\"object\",\"required\":[\"name\",\"version\",\"generation\",\"now\",\"server\"],"
      "\"properties\":{\"name\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},"
      "\"generation\":{\"type\":\"integer\",\"description\":\"changes of the configuration so "
      "far\"},"
      "\"now\":{\"type\":\"integer\",\"description\":\"milliseconds since 1970\"},"
      "\"server\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"type\","
      "\"isUp\"],"
      "\"properties\":{\"type\":{\"type\":\"string\",\"enum\":[\"router\",\"message-processor\","
      "\"collector\"]},"
      "\"isUp\":{\"type\":\"boolean\"},\"pid\":{\"type\":\"integer\"},\"since\":{\"type\":"
      "\"integer\"},"
      "\"restarts\":{\"type\":\"integer\"}}}}}}" },
};
/* clang-format on */

const struct api_table api_table_system = { "System", routes, ARRAY_LEN(routes), schemas,
                                            ARRAY_LEN(schemas) };
