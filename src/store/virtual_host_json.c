#include <string.h>

#include "store/virtual_host.h"

static json_t *settings_json(const struct settings *settings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < settings->n; i++) {
        const struct setting *s = &settings->list[i];
        if (json_array_append_new(
                list, json_pack("{s:s,s:s}", "name", s->name, "value", s->value)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "property", list);
}

static json_t *propagate_json(const struct virtual_host *v)
{
    return json_pack("{s:b,s:b}", "clientProperties", (int)(v->propagate.client == CHOICE_YES),
                     "connectionProperties", (int)(v->propagate.connection == CHOICE_YES));
}

/* Lists that are empty are printed too, as the real one does. */
static int put_all(json_t *o, const struct virtual_host *v)
{
    int wrong = 0;
    if (v->base_url != NULL) {
        wrong |= json_object_set_new(o, "baseUrl", json_string(v->base_url));
    }
    wrong |= json_object_set_new(o, "hostAliases", fields_texts_json(&v->host_aliases));
    wrong |= json_object_set_new(o, "interfaces", fields_texts_json(&v->interfaces));
    wrong |= json_object_set_new(o, "listenOptions", fields_texts_json(&v->listen_options));
    wrong |= json_object_set_new(o, "name", json_string(v->name));
    if (v->ocsp_stapling != CHOICE_NONE) {
        wrong |= json_object_set_new(o, "oCSPStapling",
                                     json_string(v->ocsp_stapling == CHOICE_YES ? "on" : "off"));
    }
    wrong |= json_object_set_new(o, "port", json_sprintf("%u", v->port.value));
    if (v->has_propagate) {
        wrong |= json_object_set_new(o, "propagateTLSInformation", propagate_json(v));
    }
    if (v->properties.n > 0) {
        wrong |= json_object_set_new(o, "properties", settings_json(&v->properties));
    }
    wrong |= json_object_set_new(o, "retryOptions", fields_texts_json(&v->retry_options));
    if (v->has_ssl_info) {
        wrong |= json_object_set_new(o, "sSLInfo", ssl_info_json(&v->ssl));
    }
    return wrong;
}

json_t *virtual_host_json(const struct virtual_host *v)
{
    json_t *o = json_object();
    if (o != NULL && put_all(o, v) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}
