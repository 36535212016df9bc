/* What only an inside view has: "inside" of docs/verdict.schema.json. */
#include "report/json_parts.h"
#include "tls/names.h"

enum { VERIFY_PEER = 1 }; /* SSL_VERIFY_PEER */

static void json_version(struct json *j, const char *key, uint16_t version)
{
    json_str(j, key, version == 0 ? NULL : tls_version_name(version));
}

static void json_policy(struct json *j, const struct local_facts *l)
{
    json_version(j, "min_version", l->min_version);
    json_version(j, "max_version", l->max_version);
    if (l->security_level < 0) {
        json_null(j, "security_level");
    } else {
        json_i64(j, "security_level", l->security_level);
    }
    if (l->has_policy) {
        json_bool(j, "verifies_peer", (l->verify_mode & VERIFY_PEER) != 0);
    } else {
        json_null(j, "verifies_peer");
    }
    json_str(j, "checked_host", l->checked_host);
    json_str(j, "refused_name", l->refused_name);
}

static void json_trust(struct json *j, const struct local_facts *l)
{
    json_array(j, "trust");
    for (size_t i = 0; i < l->n_places; i++) {
        json_str(j, NULL, l->places[i]);
    }
    json_end_array(j);
    if (l->has_anchor_count) {
        json_u64(j, "n_anchors", l->n_anchors);
    } else {
        json_null(j, "n_anchors");
    }
}

static void json_verification(struct json *j, const struct local_facts *l)
{
    json_i64(j, "verify_result", l->verify_result);
    json_array(j, "verify_faults");
    for (size_t i = 0; i < l->n_faults; i++) {
        json_object(j, NULL);
        json_i64(j, "error", l->faults[i].error);
        json_i64(j, "depth", l->faults[i].depth);
        json_bool(j, "accepted", l->faults[i].is_accepted);
        json_end_object(j);
    }
    json_end_array(j);
}

void json_inside(struct json *j, const struct transcript *t)
{
    const struct local_facts *l = t->local;
    json_object(j, "inside");
    json_str(j, "program", t->program);
    json_u64(j, "pid", l->pid);
    json_str(j, "side", side_name(l->side));
    json_str(j, "library", l->openssl);
    json_bool(j, "completed", l->is_done);
    json_policy(j, l);
    json_trust(j, l);
    json_verification(j, l);
    if (l->newest.reason == 0) {
        json_null(j, "error");
    } else {
        json_object(j, "error");
        json_u64(j, "library", l->newest.lib);
        json_u64(j, "reason", l->newest.reason);
        json_end_object(j);
    }
    json_end_object(j);
}
